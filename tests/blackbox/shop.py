"""A shop's side of one program under the test clock: short words for the calls that every test about points makes."""

import concurrent.futures
import datetime

import grpc
import pytest
from conftest import ROOT, Client, Refused


class Connection(Client):
    """One more connection to a server that a client knows already."""

    def __init__(self, client, address):
        self.channel = grpc.insecure_channel(address, options=[("grpc.use_local_subchannel_pool", 1)])
        grpc.channel_ready_future(self.channel).result(timeout=10)
        self.database, self.pool = client.database, client.pool


class Shop:
    """A server with one program, and a clock that stands where it was put."""

    def __init__(self, start, path, at, currency="USD"):
        self.server = start("--test-clock", at, "--program", str(ROOT / path))
        self.currency, self.now = currency, at
        self.client = self.server.client
        (program,) = self.client.call("ProgramService/ListPrograms")["programs"]
        self.program = program["program"]

    def call(self, path, **fields):
        return self.client.call(path, program=self.program, **fields)

    def clock(self, to):
        self.client.call("AdminService/AdvanceTestClock", to=to)
        self.now = to

    def enroll(self, *members):
        for member in members:
            self.call("MemberService/EnrollMember", member_id=member, request_id=f"en-{member}")

    def money(self, amount):
        return {"currencyCode": self.currency, "minorUnits": str(amount)}

    def receipt(self, number):
        return {"source": "till", "id": number}

    def purchase(self, number, *lines, **more):
        """Lines are `(category, amount)` or `(category, amount, quantity)`."""
        lines = [
            {"lineId": str(place), "category": category, "amount": self.money(cents), "quantity": "".join(units) or "1"}
            for place, (category, cents, *units) in enumerate(lines, 1)
        ]
        return {"receipt": self.receipt(number), "kind": "sale", "occurredAt": self.now, "lines": lines, **more}

    def buy(self, member, number, *lines, **more):
        purchase = self.purchase(number, *lines, **more)
        return self.call("PointsService/RecordPurchase", member_id=member, purchase=purchase)

    def quote(self, member, *lines, **more):
        """What each wallet would get."""
        purchase = self.purchase("quote", *lines, **more)
        return granted(self.call("PointsService/QuotePurchase", member_id=member, purchase=purchase)["grants"])

    def give_back(self, number, returned, *lines, **more):
        """Lines are `(id, "2")` for units or `(id, 500)` for money."""
        lines = [
            {"lineId": line, **({"quantity": what} if isinstance(what, str) else {"amount": self.money(what)})}
            for line, what in lines
        ]
        keys = {"receipt": self.receipt(number), "return_receipt": self.receipt(returned)}
        return self.call("PointsService/ReturnPurchase", **keys, lines=lines, **more)

    def hold(self, member, wallet, amount, key, ttl="900s"):
        fields = dict(wallet=wallet, amount=str(amount), ttl=ttl, request_id=key)
        return self.call("PointsService/HoldPoints", member_id=member, **fields)

    def capture(self, hold, amount=0):
        return self.call("PointsService/CaptureHold", hold_id=hold, amount=str(amount))

    def spend(self, member, wallet, amount, key):
        return self.capture(self.hold(member, wallet, amount, key)["holdId"])

    def redeem(self, member, reward, key, **more):
        return self.call("RewardService/RedeemReward", member_id=member, reward=reward, request_id=key, **more)

    def member(self, member):
        return self.call("MemberService/GetMember", member_id=member)["member"]

    def balance(self, member, wallet):
        """Available, pending, held, debt."""
        return balance(self.member(member), wallet)

    def expiries(self, member, wallet):
        return expiries(self.member(member), wallet)

    def explained(self, entry):
        return self.call("PointsService/ExplainEntry", entry_id=entry)["explanation"]

    def entries(self, member):
        """Her entries, the newest first."""
        return self.call("PointsService/ListEntries", member_id=member)["entries"]

    def books(self, wallet):
        """The rows of the books by month of issue."""
        return {row["month"]: row for row in self.call("AdminService/GetLiability", wallet=wallet)["rows"]}

    def at_once(self, orders, connections=8):
        """Sends all orders, each `(path, fields)`, at the same time; the answers or refusals in their order."""
        for path in {path for path, _ in orders}:
            method = self.client.method(path)
            self.client.message(method.input_type.full_name), self.client.message(method.output_type.full_name)
        lines = [Connection(self.client, self.server.address) for _ in range(connections)]

        def send(place):
            path, fields = orders[place]
            try:
                return lines[place % connections].call(path, timeout=60, program=self.program, **fields)
            except Refused as refused:
                return refused

        with concurrent.futures.ThreadPoolExecutor(len(orders)) as pool:
            return list(pool.map(send, range(len(orders))))


def of(rows, wallet):
    return next(row for row in rows if row["wallet"] == wallet)


def balance(member, wallet):
    row = of(member["balances"], wallet)
    return tuple(int(row.get(part, 0)) for part in ("available", "pending", "held", "debt"))


def expiries(member, wallet):
    return [(row["at"], int(row["points"])) for row in of(member["balances"], wallet).get("nextExpiries", [])]


def granted(grants):
    sums = {}
    for grant in grants:
        if grant.get("wallet"):
            sums[grant["wallet"]] = sums.get(grant["wallet"], 0) + int(grant.get("granted", 0))
    return sums


def refused(reason, call, /, *arguments, status=grpc.StatusCode.FAILED_PRECONDITION, **fields):
    """The refusal of a call that must be refused for this reason; its numbers."""
    with pytest.raises(Refused) as raised:
        call(*arguments, **fields)
    assert (raised.value.reason, raised.value.code) == (reason, status)
    assert raised.value.details["google.rpc.ErrorInfo"]["domain"] == "rung.v1"
    metadata = raised.value.details["google.rpc.ErrorInfo"].get("metadata", {})
    return {name: value for name, value in metadata.items() if name != "remedy"}


def later(moment, **span):
    at = datetime.datetime.fromisoformat(moment) + datetime.timedelta(**span)
    return at.strftime("%Y-%m-%dT%H:%M:%SZ")
