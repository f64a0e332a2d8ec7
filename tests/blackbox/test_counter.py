"""What a till, an operator and an on-call engineer see, through a client that nobody here wrote."""

import datetime
import queue
import signal
import urllib.request

import grpc
import pytest
from conftest import Refused
from grpc_health.v1 import health_pb2, health_pb2_grpc

AA = "aadvantage"


def usd(cents):
    return {"currencyCode": "USD", "minorUnits": str(cents)}


def moment(days=0):
    """A moment so many days ago."""
    at = datetime.datetime.now(datetime.UTC) - datetime.timedelta(days=days)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def flight(receipt, *lines, at=moment(days=1), **more):
    lines = [
        {"lineId": str(number), "category": category, "quantity": "1", "amount": usd(cents)}
        for number, (category, cents) in enumerate(lines, 1)
    ]
    return {"receipt": {"source": "aa.com", "id": receipt}, "kind": "flight", "occurredAt": at, "lines": lines, **more}


LONDON = (("fare", 143600), ("carrier_fee", 45800), ("tax", 21234))


def miles(answer):
    return sum(int(grant["granted"]) for grant in answer.get("grants", []) if grant["wallet"] == "miles")


def enroll(client, member, **more):
    return client.call("MemberService/EnrollMember", program=AA, member_id=member, request_id=f"en-{member}", **more)


def buy(client, member, purchase, **more):
    return client.call("PointsService/RecordPurchase", program=AA, member_id=member, purchase=purchase, **more)


def test_the_examples_of_the_contract_work_as_typed(start):
    client = start("--test-clock", "2026-05-05T00:00:00Z").client
    london = flight("0012345678901", *LONDON, at="2026-05-04T09:30:00Z")
    card = [{"kind": "card", "value": "1A2B3C4"}]
    enrolled = enroll(client, "m-1001", identifiers=card)
    assert enrolled["outcome"] == "OUTCOME_APPLIED"
    assert enrolled["member"]["identifiers"] == [{"kind": "card", "mask": "…3C4"}]
    first = buy(client, "m-1001", london)
    assert first["outcome"] == "OUTCOME_APPLIED"
    assert miles(first) == 9470
    assert first["member"]["balances"][0]["available"] == "9470"
    assert first["member"]["meters"][0]["value"] == "9470"
    again = client.call(
        "PointsService/RecordPurchase",
        program=AA,
        identifier=card[0],
        purchase=london,
        request_id="a retry with a new id",
    )
    assert again["outcome"] == "OUTCOME_REPLAYED"
    assert again["entryIds"] == first["entryIds"] and again["grants"] == first["grants"]
    standing = client.call("TierService/GetStanding", program=AA, member_id="m-1001")["standing"]
    assert standing["tier"] == "member"
    assert standing["nextTier"]["tier"] == "gold"


def test_the_published_table_by_tier(start):
    """Dallas to London, and $250, for every tier; 40,000 points on 15 May 2025 make Gold through 31 March 2027."""
    client = start("--test-clock", "2025-05-15T00:00:00Z").client
    at = "2025-05-15T00:00:00Z"
    expected = [
        (0, "member", 9470, 1250),
        (800000, "gold", 13258, 1750),
        (500000, "platinum", 15152, 2000),
        (625000, "platinum-pro", 17046, 2250),
        (833400, "executive-platinum", 20834, 2750),
    ]
    enroll(client, "m-1")
    for number, (cents, tier, london, fare250) in enumerate(expected):
        if cents:
            grown = buy(client, "m-1", flight(f"r-{number}", ("fare", cents), at=at))
            assert grown["tierChange"]["to"] == tier
            assert grown["member"]["standing"]["tier"] == tier
            assert grown["member"]["standing"]["validUntil"] == "2027-04-01T05:00:00Z"
        quote = dict(program=AA, member_id="m-1")
        assert miles(client.call("PointsService/QuotePurchase", purchase=flight("q", *LONDON, at=at), **quote)) == london
        fare = flight("q", ("fare", 25000), at=at)
        assert miles(client.call("PointsService/QuotePurchase", purchase=fare, **quote)) == fare250
    client.call("AdminService/AdvanceTestClock", to="2026-03-01T06:00:00Z")
    member = client.call("MemberService/GetMember", program=AA, member_id="m-1")["member"]
    assert int(member["meters"][0].get("value", 0)) == 0
    assert member["standing"]["tier"] == "executive-platinum"
    client.call("AdminService/AdvanceTestClock", to="2027-04-01T05:00:00Z")
    assert client.call("TierService/GetStanding", program=AA, member_id="m-1")["standing"]["tier"] == "member"
    history = client.call("TierService/ListStandings", program=AA, member_id="m-1")
    changes = [(entry["change"]["from"], entry["change"]["to"]) for entry in history["changes"]]
    tiers = [tier for _, tier, _, _ in expected]
    assert changes == [(tiers[-1], tiers[0]), *zip(tiers[-2::-1], tiers[:0:-1], strict=True)]


@pytest.mark.parametrize(
    ("ticketed_at", "earned"),
    [
        ("2023-02-15T12:00:00-06:00", 500),
        ("2023-03-01T00:00:00-06:00", 200),
        ("2025-12-16T23:59:59-06:00", 200),
        ("2025-12-17T00:00:00-06:00", 0),
    ],
)
def test_basic_economy_by_the_day_the_ticket_was_bought(start, ticketed_at, earned):
    client = start().client
    enroll(client, "m-1")
    attributes = {"basic_economy": {"boolean": True}, "ticketed_at": {"moment": ticketed_at}}
    bought = buy(client, "m-1", flight("r-1", ("fare", 10000), attributes=attributes))
    assert sum(int(grant["granted"]) for grant in bought.get("grants", [])) == earned


def test_every_faulty_field_is_named_at_once(start):
    client = start().client
    enroll(client, "m-1")
    purchase = flight("", ("fare", 100), ("fare", 100))
    purchase["lines"][1]["lineId"] = "1"
    purchase["lines"][0]["quantity"] = "1.2345"
    purchase["lines"][1]["amount"]["currencyCode"] = "usd"
    with pytest.raises(Refused) as refused:
        buy(client, "m-1", purchase)
    assert refused.value.code == grpc.StatusCode.INVALID_ARGUMENT
    assert refused.value.reason == "MALFORMED"
    wanted = {"purchase.receipt.id", "purchase.lines[0].quantity", "purchase.lines[1].line_id"}
    assert wanted <= set(refused.value.fields)
    assert any(field.startswith("purchase.lines[1].amount") for field in refused.value.fields)


@pytest.mark.parametrize(
    ("change", "code", "reason"),
    [
        ({"kind": "stay"}, grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED"),
        ({"lines": []}, grpc.StatusCode.INVALID_ARGUMENT, "MALFORMED"),
        ({"occurredAt": "2999-01-01T00:00:00Z"}, grpc.StatusCode.FAILED_PRECONDITION, "OCCURRED_IN_FUTURE"),
        ({"occurredAt": "2020-01-01T00:00:00Z"}, grpc.StatusCode.FAILED_PRECONDITION, "TOO_LATE"),
    ],
)
def test_a_bad_purchase_is_refused_and_leaves_nothing(start, change, code, reason):
    client = start().client
    enroll(client, "m-1")
    with pytest.raises(Refused) as refused:
        buy(client, "m-1", {**flight("r-1", ("fare", 100)), **change})
    assert (refused.value.code, refused.value.reason) == (code, reason)
    member = client.call("MemberService/GetMember", program=AA, member_id="m-1")["member"]
    assert member["entryCount"] == "1"


def test_amounts_that_no_ledger_should_meet(start):
    client = start().client
    enroll(client, "m-1")
    euros = flight("r-1", ("fare", 100))
    euros["lines"][0]["amount"]["currencyCode"] = "EUR"
    huge = flight("r-2", ("fare", 2**63 - 1), ("fare", 2**63 - 1))
    negative = flight("r-3", ("fare", -100))
    for purchase in (euros, huge, negative):
        with pytest.raises(Refused) as refused:
            buy(client, "m-1", purchase)
        assert refused.value.code in (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.FAILED_PRECONDITION)
    with pytest.raises(Refused) as refused:
        buy(client, "m-1", flight("x" * 2_000_000, ("fare", 100)))
    assert refused.value.code in (grpc.StatusCode.OUT_OF_RANGE, grpc.StatusCode.RESOURCE_EXHAUSTED)
    for program, member, reason in (("nope", "m-1", "UNKNOWN_PROGRAM"), (AA, "nobody", "UNKNOWN_MEMBER")):
        with pytest.raises(Refused) as refused:
            client.call("MemberService/GetMember", program=program, member_id=member)
        assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.NOT_FOUND, reason)


def test_another_content_or_another_member_under_a_used_receipt(start):
    client = start().client
    enroll(client, "m-1")
    enroll(client, "m-2")
    buy(client, "m-1", flight("r-1", ("fare", 10000)))
    with pytest.raises(Refused) as refused:
        buy(client, "m-1", flight("r-1", ("fare", 10001)))
    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.ALREADY_EXISTS, "KEY_REUSED")
    assert "purchase.lines[0].amount" in str(refused.value.details)
    with pytest.raises(Refused) as refused:
        buy(client, "m-2", flight("r-1", ("fare", 10000)))
    assert (refused.value.code, refused.value.reason) == (grpc.StatusCode.ALREADY_EXISTS, "RECEIPT_CLAIMED")


def test_a_stream_answers_every_item_in_order(start):
    client = start().client
    enroll(client, "m-1")

    def item(receipt, cents, member="m-1"):
        return {"program": AA, "member_id": member, "purchase": flight(receipt, ("fare", cents))}

    items = [item(f"r-{n}", 100 * n) for n in range(1, 301)]
    items[10]["member_id"] = "nobody"
    items[20]["purchase"]["lines"] = []
    items[30] = items[29]
    answers = list(client.stream_both("PointsService/RecordPurchases", items))
    assert len(answers) == 300
    outcomes = ["error" if "error" in answer else answer["result"]["outcome"] for answer in answers]
    assert [n for n, outcome in enumerate(outcomes) if outcome == "error"] == [10, 20]
    assert outcomes[30] == "OUTCOME_REPLAYED"
    assert outcomes.count("OUTCOME_APPLIED") == 297
    reasons = [answers[n]["error"]["details"][0]["reason"] for n in (10, 20)]
    assert reasons == ["UNKNOWN_MEMBER", "MALFORMED"]


def test_a_stream_answers_each_item_before_it_gets_the_next(start):
    client = start().client
    enroll(client, "m-1")
    answered = queue.SimpleQueue()

    def items():
        for n in range(20):
            yield {"program": AA, "member_id": "m-1", "purchase": flight(f"r-{n}", ("fare", 100 * n))}
            assert answered.get(timeout=10) == n

    for n, answer in enumerate(client.stream_both("PointsService/RecordPurchases", items())):
        assert miles(answer["result"]) == 5 * n
        answered.put(n)


def test_an_offline_queue_is_sent_again_as_a_whole(start):
    server = start()
    enroll(server.client, "m-1")
    waiting = [{"program": AA, "memberId": "m-1", "purchase": flight(f"r-{n}", *LONDON)} for n in range(100)]
    first = list(server.client.stream_both("PointsService/RecordPurchases", waiting))
    server.stop(signal.SIGKILL)
    again = list(start(data=server.data).client.stream_both("PointsService/RecordPurchases", waiting))
    for one, other in zip(first, again, strict=True):
        assert (one["result"]["outcome"], other["result"]["outcome"]) == ("OUTCOME_APPLIED", "OUTCOME_REPLAYED")
        assert one["result"]["entryIds"] == other["result"]["entryIds"]
        assert one["result"]["grants"] == other["result"]["grants"]


def test_packed_requests_pages_and_deadlines(start):
    client = start().client
    for n in range(23):
        enroll(client, f"m-{n}", compression=grpc.Compression.Gzip)
    pages, token = [], ""
    while not pages or token:
        page = client.call("MemberService/ListMembers", program=AA, page_size=10, page_token=token)
        pages.append([member["memberId"] for member in page["members"]])
        token = page.get("nextPageToken", "")
    assert [len(page) for page in pages] == [10, 10, 3]
    assert len({member for page in pages for member in page}) == 23
    with pytest.raises(Refused) as refused:
        client.call("MemberService/ListMembers", program=AA, page_token="made up")
    assert refused.value.fields == ["page_token"]
    assert miles(buy(client, "m-1", flight("r-1", *LONDON))) == 9470


def test_the_event_stream_resumes_without_a_gap(start):
    server = start()
    client = server.client
    enroll(client, "m-1")
    for n in range(20):
        buy(client, "m-1", flight(f"r-{n}", ("fare", 10000)))
    stream = client.stream_out("EventService/StreamEvents", program=AA, after="")
    seen = [next(stream) for _ in range(10)]
    stream.cancel()
    server.stop(signal.SIGKILL)
    client = start(data=server.data).client
    stream = client.stream_out("EventService/StreamEvents", program=AA, after=seen[-1].cursor)
    buy(client, "m-1", flight("r-live", ("fare", 10000)))
    while "r-live" not in str(seen[-1]):
        seen.append(next(stream))
    stream.cancel()
    assert len({event.cursor for event in seen}) == len(seen)
    receipts = [f'"r-{n}"' for n in range(20)]
    found = [receipt for event in seen for receipt in receipts if receipt in str(event)]
    assert found == receipts


def test_programs_are_checked_applied_and_told(start):
    client = start().client
    source = client.call("ProgramService/GetProgram", program=AA)["program"]["source"].replace("5 per 1.00", "6 per 1.00")
    flawed = client.call("ProgramService/ValidateProgram", source=source.replace('currency = "USD"', 'curency = "USD"'))
    assert any("currency" in flaw["message"] for flaw in flawed["flaws"])
    applied = client.call("ProgramService/ApplyProgram", source=source, request_id="v2")
    assert applied["outcome"] == "OUTCOME_APPLIED"
    assert len(client.call("ProgramService/ListProgramVersions", program=AA)["versions"]) == 2
    enroll(client, "m-1")
    assert miles(buy(client, "m-1", flight("r-1", ("fare", 10000), at=moment()))) == 600
    assert miles(buy(client, "m-1", flight("r-2", ("fare", 10000)))) == 500, "judged by the version then in force"


def test_a_restart_keeps_everything_and_sigterm_drains(start):
    server = start()
    enroll(server.client, "m-1")
    buy(server.client, "m-1", flight("r-1", *LONDON))
    watch = health_pb2_grpc.HealthStub(server.client.channel).Watch(health_pb2.HealthCheckRequest(service=""))
    assert next(watch).status == health_pb2.HealthCheckResponse.SERVING
    following = server.client.stream_out("EventService/StreamEvents", program=AA, after="")
    next(following)
    assert server.stop() == 0
    assert next(watch).status == health_pb2.HealthCheckResponse.NOT_SERVING
    assert list(watch) == []
    with pytest.raises(grpc.RpcError) as ended:
        list(following)
    assert ended.value.code() == grpc.StatusCode.UNAVAILABLE
    server = start(data=server.data)
    member = server.client.call("MemberService/GetMember", program=AA, member_id="m-1")["member"]
    assert member["balances"][0]["available"] == "9470"
    again = buy(server.client, "m-1", flight("r-1", *LONDON))
    assert again["outcome"] == "OUTCOME_REPLAYED"
    assert server.stop(signal.SIGKILL) == -signal.SIGKILL


def test_a_test_clock_folder_stays_one(start):
    server = start("--test-clock", "2025-05-15T00:00:00Z")
    assert server.stop() == 0
    with pytest.raises(RuntimeError, match="test clock"):
        start(data=server.data)
    other = start(data=server.data.parent / "real")
    with pytest.raises(Refused) as refused:
        other.client.call("AdminService/AdvanceTestClock", to="2999-01-01T00:00:00Z")
    assert refused.value.reason == "NO_TEST_CLOCK"
    assert other.stop() == 0
    with pytest.raises(RuntimeError, match="test-clock"):
        start("--test-clock", "2025-05-15T00:00:00Z", data=other.data)


def test_two_servers_do_not_share_a_folder(start):
    server = start()
    with pytest.raises(RuntimeError, match="(?i)lock|in use|another"):
        start(data=server.data)


def test_metrics_and_status(start):
    server = start()
    enroll(server.client, "m-1")
    buy(server.client, "m-1", flight("r-1", *LONDON))
    status = server.client.call("AdminService/GetStatus")
    assert status["store"]["kind"] == "embedded"
    assert status["store"]["headEntryId"] == "3"
    metrics = urllib.request.urlopen(f"http://{server.operations}/metrics").read().decode()
    for name in (
        'rung_orders_total{outcome="applied"} 2',
        "rung_group_size_count",
        "rung_group_duration_seconds_bucket",
        "rung_store_sync_duration_seconds_bucket",
        "rung_queue_depth 0",
        "rung_store_dirty_members",
        "rung_store_checkpoint_lag",
        "rpc_server_call_duration_seconds_count",
    ):
        assert name in metrics, name
    assert urllib.request.urlopen(f"http://{server.operations}/healthz").status == 200
