"""Who somebody is, told through the public API: attributes that lift, and what a faulty request is told."""

import urllib.request

import grpc
import pytest
from conftest import Refused
from shop import Shop, refused

RIDES = "tests/programs/rides.toml"


@pytest.fixture
def tram(start):
    return Shop(start, RIDES, "2026-03-02T12:00:00Z", "EUR")


def standing(shop, member):
    return shop.call("TierService/GetStanding", member_id=member)["standing"]


def update(shop, member, key, **attributes):
    return shop.call("MemberService/UpdateMember", member_id=member, request_id=key, attributes=attributes)


def test_an_attribute_lifts_her_in_the_same_reply(tram):
    tram.enroll("ann")
    for ride in range(2):
        tram.buy("ann", f"r-{ride}", ("ride", 200))
    ahead = standing(tram, "ann")["nextTier"]
    assert (ahead["missing"][0]["missing"], ahead["unmetAttributes"]) == ("1", ["age"])
    told = tram.buy("ann", "r-2", ("ride", 200))["member"]["standing"]
    assert (told["tier"], told["nextTier"]["unmetAttributes"]) == ("rider", ["age"])
    assert told == standing(tram, "ann")
    lifted = update(tram, "ann", "u-1", age={"integer": "61"})
    assert lifted["member"]["standing"]["tier"] == "silver"
    assert lifted["member"]["standing"] == standing(tram, "ann")
    (change,) = tram.call("TierService/ListStandings", member_id="ann")["changes"]
    assert change["entryId"] == lifted["entryIds"][0]
    again = update(tram, "ann", "u-1", age={"integer": "61"})
    assert (again["outcome"], again["entryIds"]) == ("OUTCOME_REPLAYED", lifted["entryIds"])


def test_every_faulty_field_is_named(tram):
    tram.enroll("ann")
    with pytest.raises(Refused) as told:
        tram.call("PointsService/RecordPurchase", member_id="ann", purchase=tram.purchase("r", *[("", 200, "x")] * 500))
    numbers = told.value.details["google.rpc.ErrorInfo"]["metadata"]
    assert len(told.value.fields) + int(numbers["unlisted"]) == int(numbers["faults"]) == 500
    assert told.value.fields == [f"purchase.lines[{place}].quantity" for place in range(100)]


def test_what_the_edge_refuses_is_counted(tram):
    tram.enroll("ann")
    for _ in range(3):
        recording = dict(member_id="ann", purchase={}, status=grpc.StatusCode.INVALID_ARGUMENT)
        refused("MALFORMED", tram.call, "PointsService/RecordPurchase", **recording)
    refused("UNKNOWN_MEMBER", tram.buy, "zed", "r-1", ("ride", 200), status=grpc.StatusCode.NOT_FOUND)
    with urllib.request.urlopen(f"http://{tram.server.operations}/metrics") as page:
        rows = [row for row in page.read().decode().splitlines() if row.startswith("rung_refusals_total")]
    counted = {row.split('reason="')[1].split('"')[0]: row.rsplit(" ", 1)[1] for row in rows}
    assert counted == {"MALFORMED": "3", "UNKNOWN_MEMBER": "1"}, rows
