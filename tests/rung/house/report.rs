//! `rung report` of CDNOW, loaded as it happened: 1997 first, the half year after it later.

use rung::pb::admin_service_client::AdminServiceClient;
use rung::pb::{AdvanceTestClockRequest, GetLiabilityRequest};
use serde_json::{Value, json};

use super::server::{House, file, rung};

/// Loads what lies in these days.
fn load(house: &House, days: &[&str]) {
    let fixture = file("tests/data/cdnow/CDNOW_master.txt");
    let fixed = ["load", "--server", house.address(), "--program", "cdnow", "--format", "cdnow"];
    let run = rung().args(fixed).args(days).arg(fixture).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
}

async fn admin(house: &House) -> AdminServiceClient<tonic::transport::Channel> {
    AdminServiceClient::connect(format!("http://{}", house.address())).await.unwrap()
}

async fn cdnow() -> House {
    let program = file("deploy/programs/cdnow.toml");
    let house = House::open(&["--test-clock", "1998-01-01T04:00:00Z", "--program", &program]);
    load(&house, &["--to", "1997-12-31"]);
    let to = Some("1998-07-01T03:00:00Z".parse().unwrap());
    admin(&house).await.advance_test_clock(AdvanceTestClockRequest { to }).await.unwrap();
    load(&house, &["--from", "1998-01-01"]);
    house
}

/// The page and the numbers.
fn report(house: &House, flags: &[&str]) -> (String, Value) {
    let (page, numbers) = (house.data().join("../report.html"), house.data().join("../report.json"));
    let mut command = rung();
    command.args(["report", "--server", house.address(), "--program", "cdnow"]).args(flags);
    let run = command.arg("--out").arg(&page).arg("--json").arg(&numbers).output().unwrap();
    assert!(run.status.success(), "{}", String::from_utf8_lossy(&run.stderr));
    let read = |path| std::fs::read_to_string(path).unwrap();
    (read(&page), serde_json::from_str(&read(&numbers)).unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_report_of_cdnow_has_the_published_numbers() {
    let house = cdnow().await;
    let (page, told) = report(&house, &[]);
    assert_eq!([&told["first_day"], &told["then_from"], &told["last_day"]], ["1997-01-01", "1998-01-01", "1998-06-30"]);
    spread(&told["spread"]);
    best(&told["best"]);
    tiers(&told["tiers"]);
    over_time(told["over_time"].as_array().unwrap());
    fifths(told["rfm"].as_array().unwrap());
    liability(&house, &told["liability"]).await;
    assert_eq!(told["forecast"]["customers"], json!(23_570));
    assert_eq!(told["asked_on"], "1998-06-30", "by the server's clock");
    for words in ["67.8%", "32.6%", "53.4%", "2,500,315.63 USD", "65.0%", "71.0%", "0.634571", "less concentrated"] {
        assert!(page.contains(words), "{words}");
    }
}

/// Whole twelve months only: the first of them, 1997, against the last.
fn over_time(moments: &[Value]) {
    assert_eq!((moments.len(), &moments[6]["last_day"]), (7, &json!("1998-06-30")));
    assert_eq!((&moments[0]["last_day"], &moments[0]["revenue"]), (&json!("1997-12-31"), &json!(202_416_126)));
    let shares = [&moments[0], &moments[6]].map(|moment| moment["share_of_best_20"].as_str().unwrap()[..5].to_owned());
    assert_eq!(shares, ["0.649", "0.635"]);
}

fn spread(told: &Value) {
    assert_eq!(
        (&told["customers"], &told["revenue"], &told["gini"]),
        (&json!(23_570), &json!(250_031_563), &json!("0.634571"))
    );
    let shares: Vec<&Value> = told["top"].as_array().unwrap().iter().map(|group| &group["share_of_revenue"]).collect();
    assert_eq!([shares[0], shares[2], shares[3]], ["0.158758", "0.509427", "0.677774"]);
    assert_eq!(told["for_most"]["customers"], json!(7_695));
    let classes: Vec<&Value> = told["abc"].as_array().unwrap().iter().map(|group| &group["customers"]).collect();
    assert_eq!(classes, [&json!(7_695), &json!(8_044), &json!(7_831)]);
    let curve = told["lorenz"].as_array().unwrap();
    assert_eq!((curve.len(), &curve[80]["share_of_revenue"]), (101, &json!("0.322226")), "the rest of 67.7774%");
}

/// Equals lie in the order in which they became known: that of the file.
fn fifths(cells: &[Value]) {
    let sum =
        |of: &str, cells: &mut dyn Iterator<Item = &Value>| cells.map(|cell| cell[of].as_i64().unwrap()).sum::<i64>();
    assert_eq!(sum("revenue", &mut cells.iter()), 250_031_563);
    for measure in ["recency", "frequency", "money"] {
        for fifth in 1..=5 {
            let members = sum("customers", &mut cells.iter().filter(|cell| cell[measure] == fifth));
            assert_eq!(members, 4_714, "{measure} {fifth}");
        }
    }
    let cell = |fifth: i64| {
        let at = |cell: &&Value| ["recency", "frequency", "money"].iter().all(|measure| cell[measure] == fifth);
        let cell = cells.iter().find(at).unwrap();
        (cell["customers"].as_i64().unwrap(), cell["revenue"].as_i64().unwrap())
    };
    assert_eq!((cell(5), cell(1).0), ((2_509, 111_943_802), 1_733));
}

fn best(told: &Value) {
    let sums = (&told["group"]["customers"], &told["group"]["revenue"], &told["still_buying"]);
    assert_eq!(sums, (&json!(4_714), &json!(131_590_974), &json!(2_515)));
    assert_eq!(
        (&told["group"]["share_of_revenue"], &told["then"]["share_of_revenue"]),
        (&json!("0.650101"), &json!("0.709531"))
    );
    assert_eq!((&told["before"]["revenue"], &told["before"]["days"]), (&json!(202_416_126), &json!(365)));
    assert_eq!((&told["after"]["revenue"], &told["after"]["days"]), (&json!(47_615_437), &json!(181)));
    // Of 23,570 customers, 23,502 brought anything in 1997, and 5,374 of those came again.
    assert_eq!((&told["others"], &told["others_still_buying"]), (&json!(23_502 - 4_714), &json!(5_374 - 2_515)));
}

/// At the end of 1997 as its spend says; half a year later nobody fell, since what was earned holds for a year more.
fn tiers(told: &Value) {
    assert_eq!((&told["before_day"], &told["after_day"]), (&json!("1997-12-31"), &json!("1998-06-30")));
    let counts = told["counts"].as_array().unwrap();
    let before: Vec<&Value> = counts.iter().map(|count| &count["before"]).collect();
    assert_eq!(before, [&json!(22_687), &json!(781), &json!(102)]);
    let after = |tier: &str| {
        let flows = told["flows"].as_array().unwrap().iter();
        flows.filter(|flow| flow["to"] == tier).map(|flow| flow["members"].as_i64().unwrap()).sum::<i64>()
    };
    for count in counts {
        assert_eq!(count["after"], json!(after(count["tier"].as_str().unwrap())));
    }
    assert_eq!(after("member") + after("regular") + after("collector"), 23_570);
    assert!(
        told["flows"]
            .as_array()
            .unwrap()
            .iter()
            .all(|flow| (&flow["from"], &flow["to"]) != (&json!("collector"), &json!("regular")))
    );
}

async fn liability(house: &House, told: &Value) {
    let request = GetLiabilityRequest { program: "cdnow".into(), ..Default::default() };
    let rows = admin(house).await.get_liability(request).await.unwrap().into_inner().rows;
    let outstanding: Vec<&Value> =
        told.as_array().unwrap().iter().map(|wallet| &wallet["total"]["outstanding"]).collect();
    assert_eq!(outstanding, [&json!(2_453_159), &json!(2_498_114), &json!(2_497_914), &json!(2_522_446)]);
    let months: usize = told.as_array().unwrap().iter().map(|wallet| wallet["months"].as_array().unwrap().len()).sum();
    assert_eq!(months, rows.len());
}

/// Nobody was a member on days that were loaded later: tiers are those of today.
#[tokio::test(flavor = "multi_thread")]
async fn a_past_that_was_loaded_at_once_shows_todays_tiers() {
    let house = House::open(&["--program", &file("deploy/programs/cdnow.toml")]);
    load(&house, &["--to", "1997-01-31"]);
    let (page, told) = report(&house, &["--to", "1997-01-31"]);
    let tiers = &told["tiers"];
    assert_eq!((&tiers["before_day"], &tiers["after_day"]), (&json!("1997-01-31"), &json!("today")));
    let after = tiers["counts"].as_array().unwrap().iter().map(|count| count["after"].as_i64().unwrap());
    assert_eq!(after.sum::<i64>(), told["spread"]["customers"].as_i64().unwrap());
    assert!(page.contains("Who stands where") && page.contains("<time>today</time>"));
    assert_eq!(told["over_time"], json!([]), "a month is no twelve");
    assert!(page.contains("It is too early to tell"));
    let today = told["asked_on"].as_str().unwrap();
    assert!(today > "2020-01-01" && page.contains(&format!("as of <time>{today}</time>")), "{today}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_that_cannot_be_made_says_why() {
    let house = House::open(&["--program", &file("deploy/programs/cdnow.toml")]);
    let out = house.data().join("../report.html");
    let said = |program: &str, flags: &[&str]| {
        let mut command = rung();
        command.args(["report", "--server", house.address(), "--program", program, "--out"]).arg(&out).args(flags);
        let run = command.output().unwrap();
        assert!(!run.status.success() && !out.exists());
        String::from_utf8(run.stderr).unwrap()
    };
    assert!(said("cdnow", &[]).contains("nothing was bought"));
    assert!(said("nobody", &[]).contains("NotFound"), "{}", said("nobody", &[]));
    assert!(said("cdnow", &["--from", "1998-01-01", "--to", "1997-01-01"]).contains("InvalidArgument"));
}
