"""Published programs to the point, and what time, holds, rewards and vouchers do to points."""

import signal

import grpc
import pytest
from conftest import ROOT
from shop import Shop, balance, granted, later, of, refused

MAY = "2026-05-04T16:00:00Z"
POINTS = "tests/programs/points.toml"


def outcomes(answers):
    """How many of each: outcomes of those that were answered, reasons of those that were refused."""
    names = [answer["outcome"] if isinstance(answer, dict) else answer.reason for answer in answers]
    return {name: names.count(name) for name in names}


def test_a_star_is_gone_six_months_after_its_month(start):
    """SB-1: earned on 15 December 2020, gone on 1 July; earned on 1 or 30 June, gone on 1 January."""
    shop = Shop(start, "tests/programs/starbucks-2020.toml", "2020-12-15T17:00:00Z")
    shop.enroll("ann")
    assert granted(shop.buy("ann", "r-1", ("drink", 100))["grants"]) == {"stars": 100}
    preloaded = {"attributes": {"preloaded_card": {"boolean": True}}}
    assert shop.quote("ann", ("drink", 1000), **preloaded) == {"stars": 2000}
    for day, number in (("2021-06-01", "r-2"), ("2021-06-30", "r-3")):
        shop.clock(f"{day}T17:00:00Z")
        shop.buy("ann", number, ("drink", 150))
    assert shop.expiries("ann", "stars") == [("2021-07-01T07:00:00Z", 100), ("2022-01-01T08:00:00Z", 300)]
    for now, left in (
        ("2021-07-01T06:59:59Z", 400),
        ("2021-07-01T07:00:00Z", 300),
        ("2022-01-01T07:59:59Z", 300),
        ("2022-01-01T08:00:00Z", 0),
    ):
        shop.clock(now)
        assert shop.balance("ann", "stars") == (left, 0, 0, 0), now


def test_stars_per_dollar_by_tier(start):
    """SB-2: $10.00 are 10, 12 and 17 stars; SB-3: the 500th star makes Gold at once, for twelve months."""
    shop = Shop(start, "tests/programs/starbucks-2026.toml", "2026-04-01T17:00:00Z")
    shop.enroll("ann")
    ten = ("drink", 1000)
    assert shop.quote("ann", ten) == {"stars": 1000}
    shop.buy("ann", "r-1", ("drink", 49900))
    assert shop.member("ann")["standing"]["tier"] == "green"
    assert shop.expiries("ann", "stars") == [("2026-11-01T07:00:00Z", 49900)]
    change = shop.buy("ann", "r-2", ("drink", 100))["tierChange"]
    assert (change["from"], change["to"], change["validUntil"]) == ("green", "gold", "2027-04-01T07:00:00Z")
    assert shop.expiries("ann", "stars") == [], "Gold keeps its stars"
    assert shop.quote("ann", ten) == {"stars": 1200}
    assert shop.buy("ann", "r-3", ("drink", 200000))["tierChange"]["to"] == "reserve"
    assert shop.quote("ann", ten) == {"stars": 1700}
    shop.clock("2026-12-01T08:00:00Z")
    assert shop.balance("ann", "stars") == (290000, 0, 0, 0)


def test_green_stamps_are_spent_in_books(start):
    """SH-1: a recorder of 432 books is 518,400 stamps, $51,840; SH-2: $119.99 are no book yet, $120.00 are one."""
    shop = Shop(start, "deploy/programs/greenstamps.toml", "1975-05-06T16:00:00Z")
    shop.enroll("ann", "bob", "cy")

    def books(answer):
        row = of(answer["member"]["balances"], "stamps")
        return int(row.get("available", 0)), int(row["books"])

    assert books(shop.buy("ann", "r-1", ("groceries", 11999))) == (1199, 0)
    assert books(shop.buy("bob", "r-2", ("groceries", 12000))) == (1200, 1)
    assert books(shop.buy("cy", "r-3", ("electronics", 5184000))) == (518400, 432)
    short = refused("INSUFFICIENT_POINTS", shop.redeem, "ann", "can-opener", "c-1")
    assert short == {"asked": "1200", "available": "1199", "missing": "1"}
    torn = refused("NOT_WHOLE_BOOKS", shop.hold, "bob", "stamps", 600, "h-1")
    assert torn == {"asked": "600", "book": "1200"}
    assert books(shop.redeem("bob", "can-opener", "c-2")) == (0, 0)
    assert books(shop.redeem("cy", "can-opener", "c-3", quantity=431)) == (1200, 1)
    shop.clock("2025-05-06T16:00:00Z")
    assert shop.balance("ann", "stamps") == (1199, 0, 0, 0), "a stamp is good for ever"


def vouchers(shop, member="ann"):
    return len(shop.member(member).get("vouchers", []))


@pytest.mark.parametrize(("wording", "paid"), [("every-tenth", 1), ("nine-then-free", 2)])
def test_punch_cards(start, wording, paid):
    """PC-1: of 18 paid coffees one is free under one wording and two under the other; of 20 recorded, two are."""
    shop = Shop(start, f"tests/programs/punchcard-{wording}.toml", MAY)
    shop.enroll("ann", "bob")
    for visit in range(18):
        shop.buy("ann", f"a-{visit}", ("coffee", 350))
    assert vouchers(shop) == paid
    free = []
    for visit in range(1, 21):
        price = 350
        if wording == "nine-then-free" and (waiting := shop.member("bob").get("vouchers")):
            shop.call("RewardService/UseVoucher", code=waiting[0]["code"], request_id=f"use-{visit}")
            price = 0
            free.append(visit)
        before = vouchers(shop, "bob")
        shop.buy("bob", f"b-{visit}", ("coffee", price))
        if wording == "every-tenth" and vouchers(shop, "bob") > before:
            free.append(visit)
    assert free == [10, 20]


def test_a_head_start_is_a_gift(start):
    shop = Shop(start, "tests/programs/punchcard-head-start.toml", MAY)
    shop.enroll("ann")
    assert shop.balance("ann", "punches") == (2, 0, 0, 0)
    shop.buy("ann", "r-1", ("coffee", 2450, "7"))
    assert (vouchers(shop), shop.balance("ann", "punches")) == (0, (9, 0, 0, 0))
    shop.buy("ann", "r-2", ("coffee", 350))
    assert (vouchers(shop), shop.balance("ann", "punches")) == (1, (0, 0, 0, 0))
    row = shop.books("punches")["2026-05"]
    assert (row["issued"], row["redeemed"], row.get("outstanding", "0")) == ("8", "8", "0")


def year_end(shop):
    row = shop.books("points")["2026-03"]
    assert row["currencyCode"] == "JPY"
    return tuple(int(row.get(name, 0)) for name in ("sales", "allocated", "recognised", "deferred"))


@pytest.mark.parametrize(
    ("case", "first_year", "second_year"),
    [
        ("ac1", (100000, 8676, 4110, 4566), (100000, 8676, 4110 + 3493, 1073)),
        ("ac2", (100000, 9000, 4175, 4825), (100000, 9000, 4175 + 3552, 1273)),
    ],
)
def test_deferred_revenue(start, case, first_year, second_year):
    """AC-1 and AC-2: 10,000 points; 4,500 used, then 8,500 with another estimate, which moves the revenue only."""
    shop = Shop(start, f"tests/programs/ifrs-{case}.toml", "2026-03-02T12:00:00Z", currency="JPY")
    members = [f"m-{n}" for n in range(10)]
    shop.enroll(*members)
    for member in members:
        assert granted(shop.buy(member, f"r-{member}", ("goods", 10000))["grants"]) == {"points": 1000}
    assert year_end(shop) == (100000, first_year[1], 0, first_year[1])
    for member, used in zip(members, [1000] * 4 + [500], strict=False):
        shop.spend(member, "points", used, "first year")
    shop.clock("2026-12-31T23:00:00Z")
    assert year_end(shop) == first_year
    shop.clock("2027-06-01T12:00:00Z")
    revised = (ROOT / f"tests/programs/ifrs-{case}-revised.toml").read_text()
    applied = shop.client.call("ProgramService/ApplyProgram", source=revised, request_id="second year")
    assert (applied["outcome"], applied["program"]["version"]) == ("OUTCOME_APPLIED", 2)
    for member, used in zip(members[4:], [500, 1000, 1000, 1000, 500], strict=False):
        shop.spend(member, "points", used, "second year")
    assert year_end(shop) == second_year
    row = shop.books("points")["2026-03"]
    assert (row["issued"], row["redeemed"], row["outstanding"]) == ("10000", "8500", "1500")


def test_revenue_allocated_at_the_sale(start):
    """AC-4: 10,000 points of 100 at 80 % take 720,000 of 7,200,000."""
    shop = Shop(start, "tests/programs/ifrs-ac4.toml", "2026-03-02T12:00:00Z", currency="JPY")
    shop.enroll("ann")
    assert granted(shop.buy("ann", "r-1", ("goods", 7200000))["grants"]) == {"points": 10000}
    assert year_end(shop) == (7200000, 720000, 0, 720000)


def test_the_examples_of_the_contract_work_as_typed(start):
    client = start("--test-clock", "2026-05-05T00:00:00Z").client
    client.call("MemberService/EnrollMember", program="aadvantage", member_id="m-1001", request_id="en-1")
    receipt = {"source": "aa.com", "id": "0012345678901"}
    lines = [("1", "fare", "143600"), ("2", "carrier_fee", "45800"), ("3", "tax", "21234")]
    client.call(
        "PointsService/RecordPurchase",
        program="aadvantage",
        member_id="m-1001",
        purchase={
            "receipt": receipt,
            "kind": "flight",
            "occurred_at": "2026-05-04T09:30:00Z",
            "lines": [
                {"line_id": line, "category": what, "amount": {"currency_code": "USD", "minor_units": cents}}
                for line, what, cents in lines
            ],
        },
    )
    hold = client.call(
        "PointsService/HoldPoints",
        program="aadvantage",
        member_id="m-1001",
        wallet="miles",
        amount="5000",
        ttl="900s",
        request_id="h-1",
    )
    assert (hold["outcome"], hold["hold"]["amount"]) == ("OUTCOME_APPLIED", "5000")
    assert hold["hold"]["lapsesAt"] == "2026-05-05T00:15:00Z"
    assert balance(hold["member"], "miles") == (4470, 0, 5000, 0)
    client.call("PointsService/ReleaseHold", program="aadvantage", hold_id=hold["holdId"], request_id="rel-1")
    key = {"source": "aa.com", "id": "R-77"}
    back = dict(receipt=receipt, return_receipt=key, lines=[{"line_id": "1", "quantity": "1"}])
    returned = client.call("PointsService/ReturnPurchase", program="aadvantage", **back)
    assert returned["outcome"] == "OUTCOME_APPLIED"
    assert [(row["wallet"], row["taken"]) for row in returned["points"]] == [("miles", "7180")]
    assert [grant["takenBack"] for grant in returned["grants"]] == ["7180"]
    assert balance(returned["member"], "miles") == (2290, 0, 0, 0)
    assert of_meter(returned["member"], "loyalty_points") == 2290
    again = client.call("PointsService/ReturnPurchase", program="aadvantage", **back)
    assert again["outcome"] == "OUTCOME_REPLAYED"
    assert (again["entryIds"], again["points"]) == (returned["entryIds"], returned["points"])


def of_meter(member, meter):
    return int(next(row for row in member["meters"] if row["meter"] == meter).get("value", 0))


def test_a_hold_is_captured_in_part_and_lapses_by_the_clock(start):
    shop = Shop(start, POINTS, MAY)
    shop.enroll("ann")
    shop.buy("ann", "r-1", ("food", 10000))
    hold = shop.hold("ann", "points", 60, "h-1")
    assert balance(hold["member"], "points") == (40, 0, 60, 0)
    assert [(one["holdId"], one["amount"]) for one in hold["member"]["holds"]] == [(hold["holdId"], "60")]
    short = refused("INSUFFICIENT_POINTS", shop.hold, "ann", "points", 41, "h-2")
    assert short == {"asked": "41", "available": "40", "missing": "1", "held": "60"}
    assert refused("CAPTURE_EXCEEDS_HOLD", shop.capture, hold["holdId"], 61) == {"asked": "61", "held": "60"}
    captured = shop.capture(hold["holdId"], 45)
    assert (captured["captured"], captured["returned"]) == ("45", "15")
    assert balance(captured["member"], "points") == (55, 0, 0, 0)
    again = shop.capture(hold["holdId"], 45)
    assert again == {**captured, "outcome": "OUTCOME_REPLAYED"}
    exists = grpc.StatusCode.ALREADY_EXISTS
    assert refused("KEY_REUSED", shop.capture, hold["holdId"], 44, status=exists)["field"] == "amount"
    assert refused("KEY_REUSED", shop.hold, "ann", "points", 61, "h-1", status=exists)["field"] == "amount"
    assert shop.hold("ann", "points", 60, "h-1")["outcome"] == "OUTCOME_REPLAYED"
    lapsing = shop.hold("ann", "points", 20, "h-3", ttl="900s")["holdId"]
    shop.clock(later(MAY, minutes=14, seconds=59))
    assert shop.balance("ann", "points") == (35, 0, 20, 0)
    shop.clock(later(MAY, minutes=15))
    assert shop.balance("ann", "points") == (55, 0, 0, 0)
    refused("HOLD_OVER", shop.capture, lapsing)
    refused("UNKNOWN_HOLD", shop.capture, "999999", status=grpc.StatusCode.NOT_FOUND)


def test_points_that_end_while_held(start):
    """Capture honours them; release and lapsing let them go."""
    shop = Shop(start, POINTS, MAY)
    shop.enroll("ann")
    shop.buy("ann", "r-1", ("food", 9000))
    assert shop.expiries("ann", "points") == [("2027-05-04T04:00:00Z", 90)]
    shop.clock("2027-05-04T03:00:00Z")
    shop.buy("ann", "r-2", ("food", 500))
    one, other, third = (shop.hold("ann", "points", 30, f"h-{n}", ttl="86400s")["holdId"] for n in range(3))
    shop.clock("2027-05-04T04:00:00Z")
    assert shop.balance("ann", "points") == (5, 0, 90, 0)
    captured = shop.capture(one, 25)
    assert (captured["captured"], captured["returned"]) == ("25", "5")
    assert balance(captured["member"], "points") == (5, 0, 60, 0)
    released = shop.call("PointsService/ReleaseHold", hold_id=other, request_id="rel")
    assert (released["returned"], balance(released["member"], "points")) == ("30", (5, 0, 30, 0))
    shop.clock("2027-05-05T03:00:00Z")
    assert shop.balance("ann", "points") == (5, 0, 0, 0)
    refused("HOLD_OVER", shop.capture, third)
    row = shop.books("points")["2026-05"]
    assert (row["issued"], row["redeemed"], row["expired"], row.get("outstanding", "0")) == ("90", "25", "65", "0")


def test_what_ends_first_is_spent_first_and_comes_back_with_its_end(start):
    shop = Shop(start, POINTS, "2026-01-10T15:00:00Z")
    shop.enroll("ann")
    shop.buy("ann", "r-1", ("food", 10000))
    shop.clock("2026-03-10T15:00:00Z")
    shop.buy("ann", "r-2", ("food", 4000))
    first, second = "2027-01-10T05:00:00Z", "2027-03-10T05:00:00Z"
    assert shop.expiries("ann", "points") == [(first, 100), (second, 40)]
    hold = shop.hold("ann", "points", 110, "h-1")["holdId"]
    assert shop.expiries("ann", "points") == [(second, 30)]
    shop.capture(hold, 70)
    assert shop.expiries("ann", "points") == [(first, 30), (second, 40)]


def test_what_comes_back_after_its_end_gets_the_grace(start):
    shop = Shop(start, POINTS, MAY)
    shop.enroll("ann")
    assert shop.buy("ann", "r-1", ("food", 100000))["tierChange"]["to"] == "gold"
    lounge = shop.redeem("ann", "lounge", "l-1")["redemptionId"]
    shop.clock("2027-05-10T12:00:00Z")
    assert shop.balance("ann", "points") == (0, 0, 0, 0)
    cancel = dict(redemption_id=lounge, reason="closed that day", request_id="c-1")
    back = shop.call("RewardService/CancelRedemption", **cancel)
    assert balance(back["member"], "points") == (50, 0, 0, 0)
    assert shop.expiries("ann", "points") == [("2027-05-20T04:00:00Z", 50)]
    assert shop.call("RewardService/CancelRedemption", **cancel)["outcome"] == "OUTCOME_REPLAYED"
    shop.clock("2027-05-20T04:00:00Z")
    assert shop.balance("ann", "points") == (0, 0, 0, 0)


def test_200_at_once_spend_a_balance_once(start):
    """Holds and redemptions of 100 stars each, out of 499, over eight connections."""
    shop = Shop(start, "tests/programs/starbucks-2026.toml", "2026-04-01T17:00:00Z")
    shop.enroll("ann")
    shop.buy("ann", "r-1", ("drink", 49900))
    hold = dict(member_id="ann", wallet="stars", amount="10000", ttl="900s")
    orders = []
    for n in range(100):
        orders.append(("PointsService/HoldPoints", {**hold, "request_id": f"h-{n}"}))
        orders.append(("RewardService/RedeemReward", dict(member_id="ann", reward="brewed", request_id=f"r-{n}")))
    answers = shop.at_once(orders)
    assert outcomes(answers) == {"OUTCOME_APPLIED": 4, "INSUFFICIENT_POINTS": 196}
    held = sum("holdId" in answer for answer in answers if isinstance(answer, dict))
    assert shop.balance("ann", "stars") == (9900, 0, 10000 * held, 0)
    assert len(shop.entries("ann")) == 2 + 4
    short = next(answer for answer in answers if not isinstance(answer, dict))
    assert short.details["google.rpc.ErrorInfo"]["metadata"]["asked"] == "10000"


def test_200_holds_of_everything_and_200_copies_of_one(start):
    shop = Shop(start, POINTS, MAY)
    shop.enroll("ann", "bob")
    shop.buy("ann", "r-1", ("food", 10000))
    shop.buy("bob", "r-2", ("food", 50000))
    hold = dict(member_id="ann", wallet="points", amount="100", ttl="900s")
    answers = shop.at_once([("PointsService/HoldPoints", {**hold, "request_id": f"h-{n}"}) for n in range(200)])
    assert outcomes(answers) == {"OUTCOME_APPLIED": 1, "INSUFFICIENT_POINTS": 199}
    copy = ("PointsService/HoldPoints", {**hold, "member_id": "bob", "request_id": "h"})
    answers = shop.at_once([copy] * 200)
    assert outcomes(answers) == {"OUTCOME_APPLIED": 1, "OUTCOME_REPLAYED": 199}
    (the_hold,) = {answer["holdId"] for answer in answers}
    assert shop.balance("bob", "points") == (400, 0, 100, 0)
    captures = [("PointsService/CaptureHold", dict(hold_id=the_hold))] * 50
    releases = [("PointsService/ReleaseHold", dict(hold_id=the_hold, request_id=f"rel-{n}")) for n in range(50)]
    answers = shop.at_once([order for pair in zip(captures, releases, strict=True) for order in pair])
    left = shop.balance("bob", "points")
    if any(isinstance(answer, dict) and "captured" in answer for answer in answers):
        assert outcomes(answers) == {"OUTCOME_APPLIED": 1, "OUTCOME_REPLAYED": 49, "HOLD_OVER": 50}
        assert left == (400, 0, 0, 0)
    else:
        assert outcomes(answers) == {"OUTCOME_APPLIED": 1, "HOLD_OVER": 99}
        assert left == (500, 0, 0, 0)


def stocked(tmp_path, stock):
    """The program with another stock of mugs."""
    path = tmp_path / "points.toml"
    source = (ROOT / POINTS).read_text()
    assert "stock = 2\n" in source
    path.write_text(source.replace("stock = 2\n", f"stock = {stock}\n"))
    return path


def mugs_left(shop):
    rewards = shop.call("RewardService/ListRewards")["rewards"]
    return int(next(reward for reward in rewards if reward["reward"] == "mug").get("stockLeft", 0))


def test_a_stock_of_20_is_never_oversold(start, tmp_path):
    shop = Shop(start, stocked(tmp_path, 20), MAY)
    members = [f"m-{n}" for n in range(50)]
    shop.enroll(*members)
    for member in members:
        shop.buy(member, f"r-{member}", ("food", 15000))
    mug = dict(reward="mug", request_id="mug")
    orders = [("RewardService/RedeemReward", {**mug, "member_id": member}) for member in members]
    answers = shop.at_once(orders)
    assert outcomes(answers) == {"OUTCOME_APPLIED": 20, "OUT_OF_STOCK": 30}
    won = [answer for answer in answers if isinstance(answer, dict)]
    assert len({answer["voucher"]["code"] for answer in won}) == 20
    for member, answer in zip(members, answers, strict=True):
        assert shop.balance(member, "points")[0] == (50 if isinstance(answer, dict) else 150)
    late = next(answer for answer in answers if not isinstance(answer, dict))
    numbers = late.details["google.rpc.ErrorInfo"]["metadata"]
    assert (numbers["asked"], numbers["left"]) == ("1", "0")
    assert "stock" in numbers["remedy"]
    again = shop.at_once(orders)
    assert outcomes(again) == {"OUTCOME_REPLAYED": 20, "OUT_OF_STOCK": 30}
    assert mugs_left(shop) == 0
    cancel = dict(redemption_id=won[0]["redemptionId"], reason="broken", request_id="cancel")
    assert balance(shop.call("RewardService/CancelRedemption", **cancel)["member"], "points") == (150, 0, 0, 0)
    assert mugs_left(shop) == 1
    winner = won[0]["member"]["memberId"]
    losers = [order for order, answer in zip(orders, answers, strict=True) if not isinstance(answer, dict)]
    assert outcomes(shop.at_once(losers)) == {"OUTCOME_APPLIED": 1, "OUT_OF_STOCK": 29}
    refused("OUT_OF_STOCK", shop.redeem, winner, "mug", "another")


def test_a_voucher_works_once(start):
    shop = Shop(start, POINTS, MAY)
    shop.enroll("ann", "bob", "cy")
    for member in ("ann", "bob"):
        shop.buy(member, f"r-{member}", ("food", 20000))

    def voucher(code):
        return shop.call("RewardService/GetVoucher", code=code)["voucher"]

    redeemed = shop.redeem("ann", "mug", "m-1")
    code = redeemed["voucher"]["code"]
    assert len(code) == 16 and code.isalnum()
    assert balance(redeemed["member"], "points") == (100, 0, 0, 0)
    told = voucher(f"{code[:4]}-{code[4:8]} {code[8:]}".lower())
    assert (told["state"], told["memberId"], told["reward"]) == ("VOUCHER_STATE_ISSUED", "ann", "mug")
    assert (told["issuedAt"], told["expiresAt"]) == (MAY, "2026-06-04T04:00:00Z")
    uses = [("RewardService/UseVoucher", dict(code=code, note="at the desk", request_id=f"use-{n}")) for n in range(30)]
    answers = shop.at_once(uses)
    assert outcomes(answers) == {"OUTCOME_APPLIED": 1, "VOUCHER_OVER": 29}
    (winner,) = [n for n, answer in enumerate(answers) if isinstance(answer, dict)]
    assert voucher(code)["state"] == "VOUCHER_STATE_USED" and voucher(code)["usedAt"] == MAY
    again = shop.call("RewardService/UseVoucher", code=code, note="at the desk", request_id=f"use-{winner}")
    assert (again["outcome"], again["entryIds"]) == ("OUTCOME_REPLAYED", answers[winner]["entryIds"])
    cancel = dict(redemption_id=redeemed["redemptionId"], reason="no", request_id="cancel")
    refused("REDEMPTION_OVER", shop.call, "RewardService/CancelRedemption", **cancel)
    next_year = {"asked": "1", "left": "0", "opens_at": "2027-01-01T05:00:00Z"}
    assert refused("REWARD_LIMIT", shop.redeem, "ann", "mug", "m-2") == next_year
    second = shop.redeem("bob", "mug", "m-3")
    back = shop.call("RewardService/CancelRedemption", **{**cancel, "redemption_id": second["redemptionId"]})
    assert balance(back["member"], "points") == (200, 0, 0, 0)
    assert voucher(second["voucher"]["code"])["state"] == "VOUCHER_STATE_CANCELLED"
    third = shop.redeem("bob", "mug", "m-4")["voucher"]["code"]
    shop.clock("2026-06-04T03:59:59Z")
    assert voucher(third)["state"] == "VOUCHER_STATE_ISSUED"
    shop.clock("2026-06-04T04:00:00Z")
    assert voucher(third)["state"] == "VOUCHER_STATE_EXPIRED"
    for over in (code, second["voucher"]["code"], third):
        refused("VOUCHER_OVER", shop.call, "RewardService/UseVoucher", code=over, request_id="late")
    unknown = dict(code="0" * 16, status=grpc.StatusCode.NOT_FOUND)
    refused("UNKNOWN_VOUCHER", shop.call, "RewardService/GetVoucher", **unknown)
    refused("UNKNOWN_VOUCHER", shop.call, "RewardService/UseVoucher", request_id="nobody's", **unknown)
    assert refused("TIER_REQUIRED", shop.redeem, "bob", "lounge", "l-1") == {"tiers": "gold"}
    over = {"closed_at": "2026-01-01T05:00:00Z"}
    assert refused("REWARD_NOT_OFFERED", shop.redeem, "bob", "last-year", "l-2") == over


def test_a_kill_forgets_nothing_that_was_answered(start):
    shop = Shop(start, POINTS, MAY)
    shop.enroll("ann")
    shop.buy("ann", "r-1", ("food", 50000))
    held = shop.hold("ann", "points", 60, "h-1")
    spent = shop.capture(shop.hold("ann", "points", 40, "h-2")["holdId"], 30)
    mug = shop.redeem("ann", "mug", "m-1")
    before = shop.member("ann")
    shop.server.stop(signal.SIGKILL)
    shop.server = start("--test-clock", MAY, data=shop.server.data)
    shop.client = shop.server.client
    assert shop.member("ann") == before
    assert balance(before, "points") == (310, 0, 60, 0)
    assert shop.hold("ann", "points", 60, "h-1")["holdId"] == held["holdId"]
    assert shop.redeem("ann", "mug", "m-1")["voucher"] == mug["voucher"]
    assert shop.capture(shop.hold("ann", "points", 40, "h-2")["holdId"], 30)["captured"] == spent["captured"]
    shop.call("RewardService/UseVoucher", code=mug["voucher"]["code"], request_id="use")
    assert balance(shop.capture(held["holdId"])["member"], "points") == (310, 0, 0, 0)
