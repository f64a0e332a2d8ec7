-- What one of pgbench's clients does again and again; :members and :run are set by the harness. The receipt is
-- fresh each time: run, client and a count.
\set member random(0, :members - 1)
\set count :count + 1
select * from record_purchase('m-' || lpad((:member)::text, 8, '0'), 'bench', :run || '-' || :client_id || '-' || :count, 'flight', now(), 'USD', array['1', '2', '3'], array['fare', 'carrier_fee', 'tax'], array[1000, 1000, 1000]::bigint[], array[143600, 45800, 21234]::bigint[]);
