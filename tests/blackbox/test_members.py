"""Who somebody is, told through the public API: attributes that lift."""

import pytest
from shop import Shop

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

