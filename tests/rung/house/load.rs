//! Writers that keep a server busy and write down what it acknowledged.
