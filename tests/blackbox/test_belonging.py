"""Published programs to the point: tiers, milestones, choices, boosts, clubs and privileges, through the public API."""

import pytest
from shop import Shop, granted, refused

AADVANTAGE = "deploy/programs/aadvantage.toml"
HILTON = "deploy/programs/hilton.toml"
DELTA = "deploy/programs/delta.toml"


def line(shop, place, category, cents, quantity="1", **attributes):
    values = {name: {"integer": str(value)} for name, value in attributes.items()}
    amount = shop.money(cents)
    return {"lineId": str(place), "category": category, "amount": amount, "quantity": quantity, "attributes": values}


def buy(shop, member, number, kind, *lines, quote=False, **more):
    """Lines are `(category, cents)`, `(category, cents, quantity)` or `(category, cents, quantity, attributes)`."""
    written = []
    for place, (category, cents, *rest) in enumerate(lines, 1):
        quantity, attributes = [*rest, *("1", {})[len(rest) :]]
        written.append(line(shop, place, category, cents, quantity, **attributes))
    purchase = shop.purchase(number, kind=kind, **more) | {"lines": written}
    path = "PointsService/QuotePurchase" if quote else "PointsService/RecordPurchase"
    return shop.call(path, member_id=member, purchase=purchase)


def counted(member):
    return {row["meter"]: int(row.get("value", 0)) for row in member["meters"]}


def choices(shop, member):
    answer = shop.call("PrivilegeService/ListChoices", member_id=member)
    return {row["milestone"]: row["left"] for row in answer.get("choices", [])}


def choose(shop, member, milestone, option, **more):
    key = f"{member}-{milestone}-{option}-{more}"
    fields = dict(member_id=member, milestone=milestone, option=option, request_id=key)
    return shop.call("PrivilegeService/ChooseBenefit", **fields, **more)


def check(shop, member, privilege, **more):
    return shop.call("PrivilegeService/CheckPrivilege", member_id=member, privilege=privilege, **more)


def held(shop, member):
    """The tier she stands on, and until when."""
    standing = shop.call("TierService/GetStanding", member_id=member)["standing"]
    return standing["tier"], standing.get("validUntil", "")


def adjust(shop, member, wallet, amount):
    fields = dict(wallet=wallet, points=str(amount), reason="brought along", actor="test")
    return shop.call("PointsService/AdjustPoints", member_id=member, request_id=f"adj-{member}-{wallet}", **fields)


def meters_of(answer, meter):
    """What the grants of a purchase count on a meter."""
    posts = [post for grant in answer["grants"] for post in grant.get("meters", [])]
    return sum(int(post.get("amount", 0)) for post in posts if post["meter"] == meter)


def integer(value):
    return {"integer": str(value)}


def test_dallas_to_london_by_tier(start):
    """AA-1 and AA-4: the published table of one flight, and 250 dollars, for every tier."""
    shop = Shop(start, AADVANTAGE, "2026-05-04T16:00:00Z")
    rows = [
        ("member", 0, 9470, 1250),
        ("gold", 40000, 13258, 1750),
        ("platinum", 75000, 15152, 2000),
        ("platinum-pro", 125000, 17046, 2250),
        ("executive-platinum", 200000, 20834, 2750),
    ]
    for tier, points, london, plain in rows:
        shop.enroll(tier)
        if points:
            buy(shop, tier, f"r-{tier}", "partner", ("stay", 100), attributes={"base_miles": integer(points)})
        assert held(shop, tier)[0] == tier
        flight = [("fare", 143600), ("carrier_fee", 45800), ("tax", 21234)]
        assert granted(buy(shop, tier, "q", "flight", *flight, quote=True)["grants"]) == {"miles": london}
        assert granted(buy(shop, tier, "q", "flight", ("fare", 25000), quote=True)["grants"]) == {"miles": plain}


def test_a_fare_of_2016_is_rounded_up(start):
    """AA-2: 199 dollars begun are 995 and 1,194 miles for Executive Platinum."""
    shop = Shop(start, "tests/programs/aadvantage-2016.toml", "2016-09-01T17:00:00Z")
    shop.enroll("ann")
    buy(shop, "ann", "r-1", "flight", ("segment", 0, "1", {"distance": 100000}))
    assert held(shop, "ann") == ("executive-platinum", "2018-03-01T06:00:00Z")
    grants = buy(shop, "ann", "r-2", "flight", ("fare", 19801))["grants"]
    assert [int(grant["granted"]) for grant in grants] == [995, 1194]


def test_boosts_of_2025(start):
    """AA-5 before March 2026, and AA-6: a fifth more from the next stay on, three tenths from 100,000; miles stay."""
    shop = Shop(start, "tests/programs/aadvantage-2025.toml", "2025-06-01T17:00:00Z")
    shop.enroll("ann", "bob")

    def stay(member, number, miles, **more):
        return buy(shop, member, number, "partner", ("stay", 100), attributes={"base_miles": integer(miles)}, **more)

    stay("ann", "r-1", 60000)
    first = stay("ann", "q", 1000, quote=True)
    assert (granted(first["grants"]), meters_of(first, "loyalty_points")) == ({"miles": 1000}, 1200)
    stay("ann", "r-2", 40000)
    second = stay("ann", "q", 1000, quote=True)
    assert (granted(second["grants"]), meters_of(second, "loyalty_points")) == ({"miles": 1000}, 1300)
    stay("bob", "r-3", 59000)
    shop.clock("2025-06-02T17:00:00Z")
    assert meters_of(stay("bob", "r-4", 10000), "loyalty_points") == 10000
    shop.clock("2025-06-03T17:00:00Z")
    assert meters_of(stay("bob", "r-5", 2000), "loyalty_points") == 2400
    assert counted(shop.member("bob"))["loyalty_points"] == 59000 + 12400


def test_the_boost_of_2026(start):
    """AA-5 since March 2026: a quarter more once registered, for six months, at most 25,000."""
    shop = Shop(start, AADVANTAGE, "2026-03-10T17:00:00Z")
    shop.enroll("ann")

    def stay(number, miles, **more):
        return buy(shop, "ann", number, "partner", ("stay", 100), attributes={"base_miles": integer(miles)}, **more)

    register = dict(member_id="ann", boost="partner-boost", request_id="reg-1")
    stay("r-1", 60000)
    assert meters_of(stay("q", 1000, quote=True), "loyalty_points") == 1000
    shop.call("PrivilegeService/RegisterBoost", **register)
    first = stay("r-2", 1000)
    assert (granted(first["grants"]), meters_of(first, "loyalty_points")) == ({"miles": 1000}, 1250)
    assert meters_of(stay("r-3", 98000), "loyalty_points") == 98000 + 24500
    assert meters_of(stay("r-4", 2000), "loyalty_points") == 2250
    assert meters_of(stay("r-5", 2000), "loyalty_points") == 2000
    assert counted(shop.member("ann"))["loyalty_points"] == 163000 + 25000
    shop.clock("2026-09-10T04:59:59Z")
    (boost,) = shop.call("PrivilegeService/ListChoices", member_id="ann")["boosts"]
    assert (boost["boost"], boost["until"]) == ("partner-boost", "2026-09-10T05:00:00Z")
    shop.clock("2026-09-10T05:00:00Z")
    assert meters_of(stay("q", 1000, quote=True), "loyalty_points") == 1000


def test_gold_at_once_and_a_new_count_in_march(start):
    """AA-7: 40,000 points on 15 May 2025 are Gold to 31 March 2027; on 1 March 2026 the count is 0."""
    shop = Shop(start, AADVANTAGE, "2025-05-15T17:00:00Z")
    shop.enroll("ann")
    buy(shop, "ann", "r-1", "flight", ("fare", 799980))
    assert held(shop, "ann")[0] == "member"
    buy(shop, "ann", "r-2", "flight", ("fare", 20))
    assert held(shop, "ann") == ("gold", "2027-04-01T05:00:00Z")
    for now, points in (("2026-03-01T05:59:59Z", 40000), ("2026-03-01T06:00:00Z", 0)):
        shop.clock(now)
        assert counted(shop.member("ann"))["loyalty_points"] == points
    for now, tier in (("2027-04-01T04:59:59Z", "gold"), ("2027-04-01T05:00:00Z", "member")):
        shop.clock(now)
        assert held(shop, "ann")[0] == tier


@pytest.mark.parametrize(
    ("ticketed", "miles"),
    [
        ("2023-02-28T12:00:00-06:00", 500),
        ("2023-03-01T00:00:00-06:00", 200),
        ("2025-12-16T23:59:00-06:00", 200),
        ("2025-12-17T00:00:00-06:00", 0),
    ],
)
def test_basic_economy_goes_by_the_day_of_the_ticket(start, ticketed, miles):
    """AA-8: 100 dollars of Basic Economy for a member."""
    shop = Shop(start, AADVANTAGE, "2026-02-01T17:00:00Z")
    shop.enroll("ann")
    attributes = {"basic_economy": {"boolean": True}, "ticketed_at": {"moment": ticketed}}
    quote = buy(shop, "ann", "q", "flight", ("fare", 10000), quote=True, attributes=attributes)
    assert granted(quote.get("grants", [])) == ({"miles": miles} if miles else {})


def test_upgrades_that_were_left_become_points(start):
    """AA-9: ten 500-mile upgrades are 2,500 loyalty points."""
    shop = Shop(start, "tests/programs/aadvantage-2025.toml", "2025-06-01T17:00:00Z")
    shop.enroll("ann")
    adjust(shop, "ann", "upgrades", 10)
    answer = shop.redeem("ann", "upgrade-to-points", "r-1", quantity=10)
    assert counted(answer["member"])["loyalty_points"] == 2500
    assert shop.balance("ann", "upgrades") == (0, 0, 0, 0)


def test_elite_rewards_of_2012(start):
    """AA-10 and AA-14: of Platinum's 99,999, 100,000 and 74,999 elite points only the first is offered its list, when
    the year is over; 66,666 miles at one and a half are those 99,999. AA-13: 1,389 of them are 2,084."""
    shop = Shop(start, "tests/programs/aadvantage-2012.toml", "2012-06-01T17:00:00Z")
    shop.enroll("ann", "bob", "cy")
    first = {"points_percent": 150}
    quote = buy(shop, "ann", "q", "flight", ("segment", 0, "1", {"distance": 1389} | first), quote=True)
    assert meters_of(quote, "elite_points") == 2084
    buy(shop, "ann", "r-1", "flight", ("segment", 0, "1", {"distance": 66666} | first))
    buy(shop, "bob", "r-2", "flight", ("segment", 0, "1", {"distance": 100000}))
    buy(shop, "cy", "r-3", "flight", ("segment", 0, "1", {"distance": 74999}))
    assert [held(shop, name)[0] for name in ("ann", "cy")] == ["platinum"] * 2
    assert counted(shop.member("ann"))["elite_points"] == 99999
    shop.clock("2013-01-01T05:59:59Z")
    assert [choices(shop, name) for name in ("ann", "bob", "cy")] == [{}, {}, {}]
    shop.clock("2013-01-01T06:00:00Z")
    assert [choices(shop, name) for name in ("ann", "bob", "cy")] == [{"elite-rewards-platinum": 1}, {}, {}]


def test_loyalty_choices_of_2022(start):
    """AA-11: 210,000 points with 29 segments are no choice, with 30 one and two; the club takes both of the second."""
    shop = Shop(start, "tests/programs/aadvantage-2022.toml", "2022-03-10T17:00:00Z")
    shop.enroll("ann")
    buy(shop, "ann", "r-1", "flight", ("segment", 0, "29"), attributes={"base_miles": integer(209000)})
    assert choices(shop, "ann") == {}
    buy(shop, "ann", "r-2", "flight", ("segment", 0), attributes={"base_miles": integer(1000)})
    assert choices(shop, "ann") == {"level-1": 1, "level-2": 2}
    answer = choose(shop, "ann", "level-2", "membership")
    assert [club["club"] for club in answer["member"]["clubs"]] == ["admirals-club"]
    assert choices(shop, "ann") == {"level-1": 1}
    refused("NO_CHOICE", choose, shop, "ann", "level-2", "upgrades")
    choose(shop, "ann", "level-1", "upgrade")
    assert check(shop, "ann", "systemwide-upgrade")["quota"]["left"] == "1"


def test_partner_airlines(start):
    """AA-12: 1,000 miles at half, a cabin bonus of a quarter, for Gold: 950."""
    shop = Shop(start, AADVANTAGE, "2026-05-04T16:00:00Z")
    shop.enroll("ann")
    buy(shop, "ann", "r-1", "partner", ("stay", 100), attributes={"base_miles": integer(40000)})
    flown = {"distance": 1000, "base_percent": 50, "cabin_percent": 25}
    quote = buy(shop, "ann", "q", "flight", ("segment", 0, "1", flown), partner="qatar", quote=True)
    assert granted(quote["grants"]) == {"miles": 950}


def test_upgrades_open_by_tier(start):
    """Hours before departure, for the member and one companion; by invitation 120."""
    shop = Shop(start, AADVANTAGE, "2026-05-04T16:00:00Z")
    shop.enroll("m-1001")
    refusal = check(shop, "m-1001", "upgrade-window")
    assert (refusal.get("allowed", False), refusal["reason"]) == (False, "NOT_ENTITLED")
    rows = [(40000, 24, "Ruby"), (35000, 48, "Sapphire"), (50000, 72, "Emerald"), (75000, 100, "Emerald")]
    for number, (points, hours, alliance) in enumerate(rows):
        buy(shop, "m-1001", f"r-{number}", "partner", ("stay", 100), attributes={"base_miles": integer(points)})
        answer = check(shop, "m-1001", "upgrade-window", companions=1)
        assert (answer["allowed"], answer["opensBefore"]) == (True, f"{hours * 3600}s")
        assert check(shop, "m-1001", "oneworld")["code"] == alliance
    invited = dict(tier="concierge-key", kind="TIER_GRANT_KIND_INVITATION", reason="chosen", actor="desk")
    given = shop.call("TierService/GrantTier", member_id="m-1001", request_id="g-1", **invited)["grantId"]
    assert check(shop, "m-1001", "upgrade-window")["opensBefore"] == f"{120 * 3600}s"
    early = check(shop, "m-1001", "upgrade-window", begins_at="2026-05-09T16:00:01Z")
    assert (early["reason"], early["opensAt"]) == ("NOT_OPEN_YET", "2026-05-04T16:00:01Z")
    assert check(shop, "m-1001", "upgrade-window", begins_at="2026-05-09T16:00:00Z")["allowed"]
    assert check(shop, "m-1001", "upgrade-window", companions=2)["reason"] == "TOO_MANY_COMPANIONS"
    back = dict(member_id="m-1001", grant_id=given, reason="over", actor="desk", request_id="v-1")
    shop.call("TierService/RevokeTierGrant", **back)
    assert held(shop, "m-1001")[0] == "executive-platinum"


def test_nights_are_points(start):
    """HH-1: what milestones have given at 39, 40, 50, 59, 60 and 365 nights."""
    shop = Shop(start, "tests/programs/hilton-2018.toml", "2018-01-02T17:00:00Z")
    shop.enroll("ann")
    nights = 0
    for total, points in ((39, 0), (40, 10000), (50, 20000), (59, 20000), (60, 60000), (365, 360000)):
        buy(shop, "ann", f"s-{total}", "stay", ("room", 0, str(total - nights)))
        nights = total
        balances = {row["wallet"]: int(row.get("available", 0)) for row in shop.member("ann").get("balances", [])}
        assert balances.get("points", 0) == points, total


@pytest.mark.parametrize(
    ("stays", "nights", "cents", "tier"),
    [
        (1, 80, 1799900, "diamond"),
        (39, 79, 1800000, "diamond"),
        (40, 60, 1800000, "diamond-reserve"),
        (3, 9, 250000, "silver"),
    ],
)
def test_nights_stays_and_spend(start, stays, nights, cents, tier):
    """HH-2 and HH-3: any one up to Diamond; Diamond Reserve asks for spend, and nights or stays."""
    shop = Shop(start, HILTON, "2026-02-01T17:00:00Z")
    shop.enroll("ann")
    for stay in range(1, stays):
        buy(shop, "ann", f"s-{stay}", "stay", ("room", 100))
    last = ("room", cents - 100 * (stays - 1), str(nights - stays + 1))
    buy(shop, "ann", "last", "stay", last)
    assert {name: counted(shop.member("ann"))[name] for name in ("nights", "stays", "spend")} == {
        "nights": nights,
        "stays": stays,
        "spend": cents,
    }
    assert held(shop, "ann")[0] == tier
    if tier == "diamond-reserve":
        for brand, points in (("hampton", 2200), ("tru", 1100)):
            attributes = {"brand": {"text": brand}}
            quote = buy(shop, "ann", "q", "stay", ("room", 10000), quote=True, attributes=attributes)
            assert granted(quote["grants"]) == {"points": points}, "HH-4"
        assert check(shop, "ann", "confirmable-upgrade")["quota"]["left"] == "1"


def test_miles_roll_over_once(start):
    """DL-1: 45,000 miles and 6,000 dollars of 2018 are Silver, and 20,000 miles of them count for 2019."""
    shop = Shop(start, "tests/programs/delta-2018.toml", "2018-03-01T17:00:00Z")
    shop.enroll("ann")
    buy(shop, "ann", "f-1", "flight", ("fare", 600000, "1", {"distance": 45000}))
    assert held(shop, "ann")[0] == "silver"
    for now, miles in (("2019-01-01T04:59:59Z", 45000), ("2019-01-01T05:00:00Z", 20000)):
        shop.clock(now)
        assert counted(shop.member("ann"))["mqm"] == miles
    assert held(shop, "ann") == ("silver", "2020-02-01T05:00:00Z")


def test_rolled_over_miles_are_converted(start):
    """DL-2: 100,000 are 10,000 status dollars or 50,000 miles."""
    shop = Shop(start, "tests/programs/delta-2024.toml", "2024-02-01T17:00:00Z")
    shop.enroll("ann", "bob")
    for name in ("ann", "bob"):
        adjust(shop, name, "rolled-mqm", 100000)
    answer = shop.redeem("ann", "to-dollars", "r-1", quantity=10000)
    assert (counted(answer["member"])["mqd"], held(shop, "ann")[0]) == (10000, "gold")
    shop.redeem("bob", "to-miles", "r-2", quantity=50000)
    assert shop.balance("bob", "miles")[0] == 50000
    for name in ("ann", "bob"):
        assert shop.balance(name, "rolled-mqm") == (0, 0, 0, 0)


def test_choice_benefits_stack(start):
    """DL-3: one at Platinum and three more at Diamond are four."""
    shop = Shop(start, DELTA, "2026-02-10T17:00:00Z")
    shop.enroll("ann", "bob")
    buy(shop, "ann", "f-1", "flight", ("fare", 1500000))
    assert choices(shop, "ann") == {"platinum-choice": 1}
    buy(shop, "ann", "f-2", "flight", ("fare", 1300000))
    assert held(shop, "ann")[0] == "diamond"
    assert choices(shop, "ann") == {"platinum-choice": 1, "diamond-choice": 3}
    choose(shop, "ann", "platinum-choice", "gift-silver")
    gift = dict(tier="silver", kind="TIER_GRANT_KIND_GIFT", giver_member_id="ann", reason="a present")
    shop.call("TierService/GrantTier", member_id="bob", request_id="g-1", **gift)
    assert held(shop, "bob") == ("silver", "2028-02-01T05:00:00Z")
    assert check(shop, "ann", "gift-silver")["quota"]["left"] == "3"


def test_the_500th_star(start):
    """SB-3: 499 stars are Green, 500 Gold at once and for twelve months; 500 more keep it."""
    shop = Shop(start, "deploy/programs/starbucks.toml", "2026-03-10T19:00:00Z")
    shop.enroll("ann")
    buy(shop, "ann", "r-1", "sale", ("drink", 30000))
    shop.clock("2026-06-10T19:00:00Z")
    buy(shop, "ann", "r-2", "sale", ("drink", 19900))
    assert held(shop, "ann")[0] == "green"
    buy(shop, "ann", "r-3", "sale", ("drink", 100))
    assert held(shop, "ann") == ("gold", "2027-06-10T07:00:00Z")
    shop.clock("2026-12-01T19:00:00Z")
    buy(shop, "ann", "r-4", "sale", ("drink", 41667))
    shop.clock("2027-06-10T07:00:00Z")
    assert held(shop, "ann") == ("gold", "2028-06-10T07:00:00Z")
    shop.clock("2028-06-10T07:00:00Z")
    assert held(shop, "ann")[0] == "green"


def test_a_club_is_joined_by_its_fee(start):
    shop = Shop(start, AADVANTAGE, "2026-05-04T16:00:00Z")
    shop.enroll("ann")
    join = dict(member_id="ann", club="admirals-club")
    payment = {"amount": shop.money(45000), "reference": "card-1"}
    assert refused("FEE_REQUIRED", shop.call, "ClubService/JoinClub", **join, request_id="j-1")
    answer = shop.call("ClubService/JoinClub", **join, request_id="j-2", payment=payment)
    assert answer["member"]["clubs"][0]["until"] == "2027-05-04T05:00:00Z"
    assert check(shop, "ann", "lounge")["allowed"]
    shop.clock("2027-05-04T05:00:00Z")
    assert check(shop, "ann", "lounge")["reason"] == "NOT_ENTITLED"
