"""The service desk: returns, confirmations, corrections, transfers, imports, and what the ledger says about them."""

import grpc
import pytest
from conftest import Refused
from shop import Shop, balance, expiries, granted, later, of, refused

APRIL = "2026-04-04T16:00:00Z"
MAY = "2026-05-04T16:00:00Z"
POINTS = "tests/programs/points.toml"
NOT_FOUND = grpc.StatusCode.NOT_FOUND
EXISTS = grpc.StatusCode.ALREADY_EXISTS


@pytest.fixture
def shop(start):
    shop = Shop(start, POINTS, APRIL)
    shop.enroll("ann", "bob")
    return shop


def taken(answer, wallet="points"):
    row = of(answer["points"], wallet)
    return tuple(int(row.get(part, 0)) for part in ("taken", "owed", "writtenOff", "refunded"))


def spend_meter(member):
    return int(next(row for row in member["meters"] if row["meter"] == "spend").get("value", 0))


def test_one_of_three_comes_back_once_however_often_it_is_sent(shop):
    shop.buy("ann", "r-1", ("food", 3000, "3"), ("wine", 700))
    one = shop.give_back("r-1", "x-1", ("1", "1"))
    assert (one["outcome"], taken(one)) == ("OUTCOME_APPLIED", (10, 0, 0, 0))
    retried = shop.give_back("r-1", "x-1", ("1", "1"))
    assert retried == {**one, "outcome": "OUTCOME_REPLAYED"}
    assert shop.balance("ann", "points") == (27, 0, 0, 0)
    second = shop.give_back("r-1", "x-2", ("1", "1"))
    assert (second["outcome"], taken(second)) == ("OUTCOME_APPLIED", (10, 0, 0, 0))
    assert spend_meter(second["member"]) == 1700
    more = refused("RETURN_EXCEEDS_PURCHASE", shop.give_back, "r-1", "x-3", ("1", "2"))
    assert more == {"line_id": "1", "asked": "2000", "left": "1000"}
    reused = refused("KEY_REUSED", shop.give_back, "r-1", "x-1", ("1", "2"), status=EXISTS)
    assert reused["field"] == "lines[0].quantity"
    rest = shop.give_back("r-1", "x-4")
    assert taken(rest) == (17, 0, 0, 0)
    assert (balance(rest["member"], "points"), spend_meter(rest["member"])) == ((0, 0, 0, 0), 0)
    refused("NOTHING_TO_RETURN", shop.give_back, "r-1", "x-5")
    refused("UNKNOWN_RECEIPT", shop.give_back, "r-9", "x-6", status=NOT_FOUND)


def test_copies_of_a_return_at_the_same_time(shop):
    shop.buy("ann", "r-1", ("food", 5000, "50"))
    back = {"receipt": shop.receipt("r-1"), "lines": [{"lineId": "1", "quantity": "1"}]}
    orders = [
        ("PointsService/ReturnPurchase", {**back, "returnReceipt": shop.receipt(f"x-{n % 10}")}) for n in range(100)
    ]
    answers = [answer["outcome"] for answer in shop.at_once(orders)]
    assert (answers.count("OUTCOME_APPLIED"), answers.count("OUTCOME_REPLAYED")) == (10, 90)
    assert shop.balance("ann", "points") == (40, 0, 0, 0)


@pytest.mark.parametrize("units", [(1, 1, 1, 1, 1, 1, 1), (3, 4), (6, 1), (2, 2, 2, 1), (7,)])
def test_any_split_leaves_nothing(shop, units):
    """Seven for 10.00 next to a discounted line: points do not divide, nothing is left all the same."""
    shop.buy("ann", "r-1", ("food", 1000, "7"), ("wine", 399), ("discount", -150))
    assert shop.balance("ann", "points") == (12, 0, 0, 0)
    for number, some in enumerate(units):
        shop.give_back("r-1", f"x-{number}", ("1", str(some)))
    shop.give_back("r-1", "rest")
    member = shop.member("ann")
    assert (balance(member, "points"), spend_meter(member)) == ((0, 0, 0, 0), 0)
    row = shop.books("points")["2026-04"]
    assert (row["issued"], row["returned"], row.get("outstanding", "0")) == ("12", "12", "0")


def test_a_discount_goes_back_with_the_goods(shop):
    shop.buy("ann", "r-1", ("food", 1000), ("discount", -150))
    assert shop.books("points")["2026-04"]["sales"] == "850"
    shop.give_back("r-1", "x-1")
    (fact,) = [fact["purchaseReturned"] for fact in shop.entries("ann")[0]["facts"] if "purchaseReturned" in fact]
    assert (fact["minorUnits"], shop.books("points")["2026-04"].get("sales", "0")) == ("850", "0")


def test_a_cap_is_shared_by_what_it_cut(shop):
    """Two books would bring 10.00 credit, the cap leaves 5.00: 2.00 and 3.00 go back with them."""
    bought = shop.buy("ann", "r-1", ("book", 20000), ("book", 30000))
    assert granted(bought["grants"]) == {"points": 500, "credit": 500}
    assert {grant.get("cap") for grant in bought["grants"] if grant.get("wallet") == "credit"} == {"GRANT_CAP_RECEIPT"}
    assert shop.balance("ann", "credit") == (0, 500, 0, 0)
    first = shop.give_back("r-1", "x-1", ("1", "1"))
    assert (taken(first), taken(first, "credit")) == ((200, 0, 0, 0), (200, 0, 0, 0))
    second = shop.give_back("r-1", "x-2", ("2", "1"))
    assert (taken(second), taken(second, "credit")) == ((300, 0, 0, 0), (300, 0, 0, 0))


def test_a_price_adjustment_takes_back_by_amount(shop):
    shop.buy("ann", "r-1", ("food", 2000, "2"))
    assert taken(shop.give_back("r-1", "x-1", ("1", 500))) == (5, 0, 0, 0)
    assert shop.balance("ann", "points") == (15, 0, 0, 0)
    too_much = refused("RETURN_EXCEEDS_PURCHASE", shop.give_back, "r-1", "x-2", ("1", 1501))
    assert too_much == {"line_id": "1", "asked": "1501", "left": "1500"}
    assert taken(shop.give_back("r-1", "x-3", ("1", "2"))) == (15, 0, 0, 0)
    assert spend_meter(shop.member("ann")) == 0


def test_goods_do_not_come_back_in_the_future(shop):
    shop.buy("ann", "r-1", ("food", 2000, "2"))
    skewed = shop.give_back("r-1", "x-1", ("1", "1"), occurredAt=later(APRIL, minutes=5))
    assert skewed["outcome"] == "OUTCOME_APPLIED"
    tomorrow = dict(occurredAt=later(APRIL, days=1))
    refused("OCCURRED_IN_FUTURE", shop.give_back, "r-1", "x-2", ("1", "1"), **tomorrow)
    assert shop.balance("ann", "points") == (10, 0, 0, 0)


def test_an_exchange_is_one_order(shop):
    shop.buy("ann", "r-1", ("coat", 8000))
    new = shop.purchase("e-1", ("coat", 9500))
    del new["receipt"]
    answer = shop.give_back("r-1", "e-1", ("1", "1"), exchange=new)
    assert (taken(answer), granted(answer["exchangeGrants"])) == ((80, 0, 0, 0), {"points": 95})
    assert balance(answer["member"], "points") == (95, 0, 0, 0)
    again = shop.give_back("r-1", "e-1", ("1", "1"), exchange=new)
    assert again == {**answer, "outcome": "OUTCOME_REPLAYED"}
    other = shop.purchase("e-1", ("coat", 9600))
    reused = refused("KEY_REUSED", shop.give_back, "r-1", "e-1", ("1", "1"), status=EXISTS, exchange=other)
    assert reused["field"] == "exchange.lines[0].amount"
    assert taken(shop.give_back("e-1", "x-2")) == (95, 0, 0, 0), "what was bought in exchange can come back too"


def test_what_is_spent_already_is_owed_or_written_off(shop):
    shop.buy("ann", "r-1", ("food", 10000))
    shop.spend("ann", "points", 90, "s-1")
    owing = shop.give_back("r-1", "x-1")
    assert taken(owing) == (10, 90, 0, 0)
    assert balance(owing["member"], "points") == (-90, 0, 0, 90)
    refused("INSUFFICIENT_POINTS", shop.hold, "ann", "points", 1, "h-1")
    assert balance(shop.buy("ann", "r-2", ("food", 3000))["member"], "points") == (-60, 0, 0, 60)
    assert balance(shop.buy("ann", "r-3", ("food", 7000))["member"], "points") == (10, 0, 0, 0)
    shop.buy("bob", "r-4", ("book", 10000), ("arcade", 500, "5"))
    shop.call("PointsService/ConfirmPurchase", receipt=shop.receipt("r-4"), request_id="c-1")
    shop.clock(later(APRIL, days=14))
    assert (shop.balance("bob", "credit"), shop.balance("bob", "coins")) == ((200, 0, 0, 0), (5, 0, 0, 0))
    shop.spend("bob", "credit", 150, "s-2")
    shop.spend("bob", "coins", 4, "s-3")
    answer = shop.give_back("r-4", "x-2")
    assert taken(answer, "credit") == (50, 150, 0, 0)
    assert taken(answer, "coins") == (1, 0, 4, 0)
    assert balance(answer["member"], "credit") == (0, 0, 0, 150), "taken from the next earnings, never below zero"
    assert balance(answer["member"], "coins") == (0, 0, 0, 0)


def test_points_that_paid_come_back_with_the_goods(shop):
    shop.buy("ann", "r-1", ("food", 20000))
    hold = shop.hold("ann", "points", 100, "h-1")["holdId"]
    shop.capture(hold)
    tenders = [
        {"kind": "card", "amount": shop.money(3000)},
        {"kind": "points", "amount": shop.money(1000), "redemptionId": hold},
    ]
    bought = shop.buy("ann", "r-2", ("lamp", 1000), ("lamp", 3000), tenders=tenders)
    assert granted(bought["grants"]) == {"points": 30}, "what was paid with points earns nothing"
    first, second = shop.give_back("r-2", "x-1", ("1", "1")), shop.give_back("r-2", "x-2", ("2", "1"))
    assert [row[3] for row in (taken(first), taken(second))] == [25, 75]
    assert sum(row[0] for row in (taken(first), taken(second))) == 30
    assert balance(second["member"], "points") == (200, 0, 0, 0)
    assert expiries(second["member"], "points") == [("2027-04-04T04:00:00Z", 200)]


def test_a_tier_that_rested_on_goods_goes_with_them(shop):
    shop.buy("ann", "r-1", ("sofa", 99000))
    assert shop.buy("ann", "r-2", ("food", 2000))["tierChange"]["to"] == "gold"
    shop.call("MemberService/SuspendMember", member_id="ann", request_id="s-1")
    refused("MEMBER_SUSPENDED", shop.hold, "ann", "points", 1, "h-1")
    answer = shop.give_back("r-2", "x-1")
    change = answer["tierChange"]
    assert (change["from"], change["to"], change["cause"]) == ("gold", "member", "TIER_CAUSE_RETURNED")
    assert answer["member"]["standing"]["tier"] == "member"
    assert balance(answer["member"], "points") == (990, 0, 0, 0)


def test_coins_wait_for_the_confirmation(shop):
    shop.buy("ann", "r-1", ("arcade", 300, "3"))
    assert shop.balance("ann", "coins") == (0, 3, 0, 0)
    refused("INSUFFICIENT_POINTS", shop.hold, "ann", "coins", 1, "h-1")
    confirm = dict(receipt=shop.receipt("r-1"), request_id="c-1")
    done = shop.call("PointsService/ConfirmPurchase", **confirm)
    assert balance(done["member"], "coins") == (3, 0, 0, 0)
    again = shop.call("PointsService/ConfirmPurchase", **confirm)
    assert (again["outcome"], again["entryIds"]) == ("OUTCOME_REPLAYED", done["entryIds"])
    refused("NOTHING_TO_CONFIRM", shop.call, "PointsService/ConfirmPurchase", **{**confirm, "request_id": "c-2"})
    nowhere = dict(receipt=shop.receipt("r-9"), request_id="c-3", status=NOT_FOUND)
    refused("UNKNOWN_RECEIPT", shop.call, "PointsService/ConfirmPurchase", **nowhere)


def test_a_correction_needs_a_reason_and_a_name(shop):
    adjust = dict(member_id="ann", wallet="points", points="120", request_id="a-1")
    with pytest.raises(Refused) as bare:
        shop.call("PointsService/AdjustPoints", **adjust)
    assert (bare.value.code, bare.value.reason) == (grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED")
    assert sorted(bare.value.fields) == ["actor", "reason"]
    assert shop.balance("ann", "points") == (0, 0, 0, 0)
    signed = dict(reason="goodwill", actor="desk-7")
    done = shop.call("PointsService/AdjustPoints", **adjust, **signed)
    assert balance(done["member"], "points") == (120, 0, 0, 0)
    assert shop.call("PointsService/AdjustPoints", **adjust, **signed)["outcome"] == "OUTCOME_REPLAYED"
    less = {**adjust, **signed, "points": "-121", "request_id": "a-2"}
    with pytest.raises(Refused) as short:
        shop.call("PointsService/AdjustPoints", **less)
    assert short.value.details["google.rpc.ErrorInfo"] == {
        "reason": "INSUFFICIENT_POINTS",
        "domain": "rung.v1",
        "metadata": {
            "asked": "121",
            "available": "120",
            "missing": "1",
            "remedy": "earn the points that are missing, or ask for no more than is available",
        },
    }
    taken_away = shop.call("PointsService/AdjustPoints", **{**less, "points": "-20"})
    assert balance(taken_away["member"], "points") == (100, 0, 0, 0)
    fact = shop.entries("ann")[0]["facts"][0]["pointsAdjusted"]
    assert (fact["points"], fact["reason"], fact["actor"]) == ("-20", "goodwill", "desk-7")
    assert shop.books("points")["2026-04"]["adjusted"] == "100"


def test_a_balance_never_wraps(shop):
    most = 2**63 - 1
    adjust = dict(member_id="ann", wallet="points", reason="test", actor="desk-7")
    full = shop.call("PointsService/AdjustPoints", points=str(most), request_id="a-1", **adjust)
    assert balance(full["member"], "points") == (most, 0, 0, 0)
    shop.buy("bob", "r-1", ("food", 1000))
    send = dict(member_id="bob", to_member_id="ann", wallet="points", points="5", request_id="t-1")
    more = refused("AMOUNT_OVERFLOW", shop.call, "PointsService/AdjustPoints", points="1", request_id="a-2", **adjust)
    sent = refused("AMOUNT_OVERFLOW", shop.call, "PointsService/TransferPoints", **send)
    bought = refused("AMOUNT_OVERFLOW", shop.buy, "ann", "r-2", ("food", 100))
    assert more == sent == bought == {"of": "wallets.points"}
    with pytest.raises(Refused) as raised:
        shop.buy("bob", "r-3", ("food", most), ("food", most))
    assert raised.value.reason == "MALFORMED"
    assert [fault["field"] for fault in raised.value.details["google.rpc.BadRequest"]["fieldViolations"]] == ["purchase.lines"]
    assert (shop.balance("ann", "points"), shop.balance("bob", "points")) == ((most, 0, 0, 0), (10, 0, 0, 0))


def test_points_that_are_sent_keep_their_dates(shop):
    shop.buy("ann", "r-1", ("food", 10000), ("flight", 5000))
    shop.clock(later(APRIL, days=30))
    send = dict(member_id="ann", to_member_id="bob", wallet="points", points="30", note="a trip", request_id="t-1")
    sent = shop.call("PointsService/TransferPoints", **send)
    assert balance(sent["member"], "points") == (70, 0, 0, 0)
    bob = shop.member("bob")
    assert balance(bob, "points") == (30, 0, 0, 0)
    assert expiries(bob, "points") == [("2027-04-04T04:00:00Z", 30)]
    again = shop.call("PointsService/TransferPoints", **send)
    assert (again["outcome"], again["entryIds"]) == ("OUTCOME_REPLAYED", sent["entryIds"])

    def no(reason, status=grpc.StatusCode.FAILED_PRECONDITION, **change):
        fields = {**send, "request_id": "t-2", **change}
        return refused(reason, shop.call, "PointsService/TransferPoints", status=status, **fields)

    assert no("INSUFFICIENT_POINTS", points="71") == {"asked": "71", "available": "70", "missing": "1"}
    no("UNKNOWN_RECEIVER", NOT_FOUND, to_member_id="zed")
    no("MALFORMED", grpc.StatusCode.INVALID_ARGUMENT, to_member_id="ann")
    no("NOT_TRANSFERABLE", wallet="miles", points="1")
    assert no("UNKNOWN_WALLET", NOT_FOUND, wallet="silver")["wallet"] == "silver"
    both = {**send, "points": "1"}
    back = {**both, "member_id": "bob", "to_member_id": "ann"}
    orders = [("PointsService/TransferPoints", {**(both, back)[n % 2], "request_id": f"c-{n}"}) for n in range(100)]
    assert all(isinstance(answer, dict) for answer in shop.at_once(orders))
    assert (shop.balance("ann", "points"), shop.balance("bob", "points")) == ((70, 0, 0, 0), (30, 0, 0, 0))


def brought_in():
    cy = {
        "memberId": "cy",
        "identifiers": [{"kind": "card", "value": "C-1"}],
        "enrolledAt": "2021-03-01T12:00:00Z",
        "lots": [
            {"wallet": "points", "points": "500", "earnedAt": "2026-01-15T12:00:00Z"},
            {"wallet": "points", "points": "200", "earnedAt": "2025-08-10T12:00:00Z"},
            {"wallet": "miles", "points": "9000", "earnedAt": "2025-08-01T12:00:00Z"},
        ],
        "meters": [{"meter": "spend", "at": "2026-02-01T12:00:00Z", "amount": "99000"}],
        "tier": {"tier": "gold", "since": "2025-11-01T00:00:00Z", "until": "2027-01-01T05:00:00Z"},
    }
    debtor = {"memberId": "eve", "lots": [{"wallet": "points", "points": "-40", "earnedAt": "2026-01-15T12:00:00Z"}]}
    faulty = {
        "memberId": "dee",
        "lots": [{"wallet": "silver", "points": "5", "earnedAt": "2026-01-15T12:00:00Z"}],
        "tier": {"tier": "ruby", "since": "2026-01-01T00:00:00Z"},
    }
    goodwill = {"memberId": "cy", "wallet": "points", "points": "10", "reason": "goodwill", "actor": "desk-7"}
    unsigned = {"memberId": "cy", "wallet": "points", "points": "10"}
    stranger = {**goodwill, "memberId": "zed"}
    return [
        {"program": "points", "member": cy},
        {"member": faulty},
        {"member": debtor},
        {"member": {"memberId": "fay", "identifiers": [{"kind": "card", "value": "C 1"}]}},
        {"adjustment": goodwill, "requestId": "a-1"},
        {"adjustment": unsigned, "requestId": "a-2"},
        {"adjustment": stranger, "requestId": "a-3"},
        {"member": {"memberId": "gus"}},
    ]


def bring(shop, items):
    invoke, written = shop.client.prepared("PointsService/ImportMembers", "stream_unary")
    return shop.client.plain(invoke(map(written, items), timeout=30))


def test_faults_of_an_import_are_named_by_their_path(shop):
    refusals = bring(shop, brought_in())["refusals"]

    def faults(position):
        (row,) = [row for row in refusals if row.get("position", "0") == position]
        return sorted(fault["field"] for fault in row["error"]["details"][1]["fieldViolations"])

    assert faults("5") == ["adjustment.actor", "adjustment.reason"]
    assert faults("1") == ["member.lots[0].wallet", "member.tier.tier"]


def test_members_move_in_with_their_past(shop):
    rehearsed = bring(shop, [{**item, "dryRun": True} for item in brought_in()])
    assert (rehearsed["applied"], rehearsed["refused"]) == ("4", "4"), "cy can't be corrected yet, her card is free"
    refused("UNKNOWN_MEMBER", shop.member, "cy", status=NOT_FOUND)
    answer = bring(shop, brought_in())
    assert (answer["applied"], answer.get("replayed", "0"), answer["refused"]) == ("4", "0", "4")
    no = {int(row.get("position", 0)): row for row in answer["refusals"]}
    reasons = {place: (row["memberId"], row["error"]["details"][0]["reason"]) for place, row in no.items()}
    assert reasons == {
        1: ("dee", "MALFORMED"),
        3: ("fay", "IDENTIFIER_CLAIMED"),
        5: ("cy", "MALFORMED"),
        6: ("zed", "UNKNOWN_MEMBER"),
    }
    cy = shop.member("cy")
    assert (cy["enrolledAt"], cy["standing"]["tier"], spend_meter(cy)) == ("2021-03-01T12:00:00Z", "gold", 99000)
    assert cy["standing"]["validUntil"] == "2027-01-01T05:00:00Z"
    assert (balance(cy, "points"), balance(cy, "miles")) == ((710, 0, 0, 0), (9000, 0, 0, 0))
    ends = [("2026-08-10T04:00:00Z", 200), ("2027-01-15T05:00:00Z", 500), ("2027-04-04T04:00:00Z", 10)]
    assert expiries(cy, "points") == ends
    assert shop.balance("eve", "points") == (-40, 0, 0, 40)
    again = bring(shop, brought_in())
    assert (again.get("applied", "0"), again["replayed"], again["refused"]) == ("0", "4", "4")
    assert shop.member("cy") == cy
    assert granted(shop.buy("cy", "r-1", ("food", 2000))["grants"]) == {"points": 30}, "Gold's half on top"


def test_the_ledger_says_why(shop):
    bought = shop.buy("ann", "r-1", ("food", 3000, "3"), ("gift-card", 5000))
    rounded = "the result rounded"
    assert shop.explained(bought["entryIds"][0]) == [
        "Receipt r-1 of till: a sale of 80.00 USD on 2026-04-04T16:00:00Z, counted for member.",
        f"base (version 1): 1 per 1.00 on 30.00 USD, {rounded} floor gives 30 points.",
        f"spend (version 1): 1 per 1.00 on 80.00 USD, {rounded} half_up gives 80.00 points; spend counts 80.00.",
        "30 points stay until 2027-04-04T04:00:00Z.",
    ]
    hold = shop.hold("ann", "points", 12, "h-1")
    lots = "of 2026-04-04 until 2027-04-04T04:00:00Z"
    assert shop.explained(hold["holdId"]) == [f"Set aside until 2026-04-04T16:15:00Z: 12 points (12 {lots})."]
    captured = shop.capture(hold["holdId"], 10)
    assert shop.explained(captured["entryIds"][0]) == [
        f"Of hold {hold['holdId']} were spent: 10 points (10 {lots}); flowed back: 2 points (2 {lots})."
    ]
    returned = shop.give_back("r-1", "x-1", ("1", "1"))
    assert shop.explained(returned["entryIds"][0]) == [
        "Return x-1 of till, number 1 for receipt r-1 of till, on 2026-04-04T16:00:00Z: 1 of line 1.",
        "base (version 1): 10 of the 30 points it had granted were taken back.",
        "spend (version 1): 10.00 of the 80.00 points it had granted were taken back.",
        "spend counts -10.00.",
        f"Gone on 2026-04-04T16:00:00Z: 10 points (10 {lots}): the goods that earned them came back.",
    ]
    shop.clock("2027-04-04T04:00:00Z")
    *_, (_, _, _, entry) = followed(shop, lambda kind, fact: kind == "pointsTaken" and "RETURNED" not in fact["cause"])
    assert shop.explained(entry)[-1] == f"Gone on 2027-04-04T04:00:00Z: 10 points (10 {lots}): their time was over."


def followed(shop, until):
    """All facts of the event stream, with member and entry, to the first that `until` says ends it."""
    invoke, written = shop.client.prepared("EventService/StreamEvents", "unary_stream")
    stream = invoke(written({"program": shop.program}), timeout=20)
    for event in stream:
        event = shop.client.plain(event)
        ((kind, fact),) = event["fact"].items()
        yield event.get("memberId", ""), kind, fact, event["entryId"]
        if until(kind, fact):
            break
    stream.cancel()


def test_points_about_to_end_announce_themselves(shop):
    """Nobody asks: the sweeper tells followers."""
    shop.buy("ann", "r-1", ("food", 10000))
    shop.buy("bob", "r-2", ("flight", 40000))
    shop.spend("ann", "points", 30, "s-1")
    notice, end = "2027-03-05T05:00:00Z", "2027-04-04T04:00:00Z"
    shop.clock(notice)
    seen = list(followed(shop, lambda kind, _: kind == "expiryAnnounced"))
    member, _, fact, _ = seen[-1]
    assert (member, fact) == ("ann", {"wallet": "points", "expiresAt": end, "points": "70"})
    shop.clock("2028-02-04T05:00:00Z")
    seen = list(followed(shop, lambda kind, fact: kind == "expiryAnnounced" and fact["wallet"] == "miles"))
    assert seen[-1][0] == "bob"
    assert seen[-1][2] == {"wallet": "miles", "expiresAt": "2028-04-04T04:00:00Z", "points": "400"}
    gone = [(member, fact) for member, kind, fact, _ in seen if kind == "pointsTaken"]
    ((member, fact),) = gone
    assert (member, fact["at"], [lot["points"] for lot in fact["lots"]]) == ("ann", end, ["70"])


def test_books_that_add_up(shop):
    """Issued and adjusted less redeemed, expired and returned is outstanding, month by month and over everybody."""
    shop.buy("ann", "r-1", ("food", 10000))
    shop.buy("bob", "r-2", ("food", 5000))
    shop.spend("ann", "points", 25, "s-1")
    shop.give_back("r-2", "x-1", ("1", 2000))
    shop.clock(MAY)
    shop.buy("ann", "r-3", ("food", 4000))
    shop.redeem("ann", "mug", "m-1")
    april, may = (shop.books("points")[month] for month in ("2026-04", "2026-05"))
    numbers = ("issued", "redeemed", "expired", "returned", "outstanding")
    assert [int(april.get(name, 0)) for name in numbers] == [150, 100, 0, 20, 30]
    assert [int(may.get(name, 0)) for name in numbers] == [40, 25, 0, 0, 15]
    shop.clock("2028-01-01T00:00:00Z")
    list(followed(shop, lambda kind, fact: kind == "pointsTaken" and fact["lots"][0]["issued"] == MAY[:10]))
    april, may = (shop.books("points")[month] for month in ("2026-04", "2026-05"))
    assert [int(april.get(name, 0)) for name in numbers] == [150, 100, 30, 20, 0]
    assert (april["breakage"], may["breakage"]) == ("0.2000", "0.3750")


def test_a_rehearsal_leaves_nothing(shop):
    shop.buy("ann", "r-1", ("food", 20000))
    before, count = shop.member("ann"), len(shop.entries("ann"))
    hold = dict(member_id="ann", wallet="points", amount="60", ttl="900s", request_id="h-1", dry_run=True)
    tried = shop.call("PointsService/HoldPoints", **hold)
    assert balance(tried["member"], "points") == (140, 0, 60, 0)
    assert "holdId" not in tried and "entryIds" not in tried
    tried = shop.redeem("ann", "mug", "m-1", dry_run=True)
    assert balance(tried["member"], "points") == (100, 0, 0, 0) and "code" not in tried["voucher"]
    assert balance(shop.give_back("r-1", "x-1", dry_run=True)["member"], "points") == (0, 0, 0, 0)
    send = dict(member_id="ann", to_member_id="bob", wallet="points", points="5", request_id="t-1", dry_run=True)
    assert balance(shop.call("PointsService/TransferPoints", **send)["member"], "points") == (195, 0, 0, 0)
    assert shop.member("ann") == before and len(shop.entries("ann")) == count
    assert shop.call("RewardService/ListRewards")["rewards"][0]["stockLeft"] == "2"
