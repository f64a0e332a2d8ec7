#!/usr/bin/env bash
# The tour of the README's first calls with buf curl, over reflection, against a fresh server.
set -euo pipefail
binary=$1
folder=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; rm -rf "$folder"' EXIT
flags=(--data "$folder/data" --listen 127.0.0.1:0 --operations 127.0.0.1:0 --test-clock 2026-05-05T00:00:00Z)
: >"$folder/out"
"$binary" serve "${flags[@]}" >"$folder/out" 2>"$folder/log" &
server=$!
for _ in $(seq 100); do grep -q '^listening on ' "$folder/out" && break; sleep 0.1; done
address=$(sed -n 's/^listening on //p' "$folder/out")

call() { buf curl --protocol grpc --http2-prior-knowledge -d "$2" "http://$address/rung.v1.$1"; }
expect() { grep -q "$1" <<<"$2" || { echo "expected $1 in: $2"; exit 1; }; }

services=$(buf curl --protocol grpc --http2-prior-knowledge --list-services "http://$address")
services_expected="MemberService PointsService RewardService TierService ClubService PrivilegeService ProgramService"
for service in $services_expected EventService SegmentService AdminService; do
    expect "rung.v1.$service" "$services"
done
expect OUTCOME_APPLIED "$(call MemberService/EnrollMember \
    '{"program":"aadvantage","member_id":"m-1001","identifiers":[{"kind":"card","value":"1A2B3C4"}],"request_id":"en-1"}')"
purchase='{"program":"aadvantage","member_id":"m-1001","purchase":{
  "receipt":{"source":"aa.com","id":"0012345678901"},"kind":"flight","occurred_at":"2026-05-04T09:30:00Z",
  "lines":[{"line_id":"1","category":"fare","quantity":"1","amount":{"currency_code":"USD","minor_units":"143600"}},
           {"line_id":"2","category":"carrier_fee","quantity":"1","amount":{"currency_code":"USD","minor_units":"45800"}},
           {"line_id":"3","category":"tax","quantity":"1","amount":{"currency_code":"USD","minor_units":"21234"}}]}}'
first=$(call PointsService/RecordPurchase "$purchase")
expect OUTCOME_APPLIED "$first"
expect '"granted": "9470"' "$first"
expect OUTCOME_REPLAYED "$(call PointsService/RecordPurchase "$purchase")"
expect '"available": "9470"' "$(call MemberService/GetMember '{"program":"aadvantage","member_id":"m-1001"}')"
expect '"tier": "gold"' "$(call TierService/GetStanding '{"program":"aadvantage","member_id":"m-1001"}')"
hold='{"program":"aadvantage","member_id":"m-1001","wallet":"miles","amount":"5000","ttl":"900s","request_id":"h-1"}'
held=$(call PointsService/HoldPoints "$hold")
expect '"lapsesAt": "2026-05-05T00:15:00Z"' "$held"
hold=$(sed -n 's/^  "holdId": "\(.*\)",$/\1/p' <<<"$held")
expect '"returned": "3000"' "$(call PointsService/CaptureHold '{"program":"aadvantage","hold_id":"'"$hold"'","amount":"2000"}')"
back='{"program":"aadvantage","receipt":{"source":"aa.com","id":"0012345678901"},
  "return_receipt":{"source":"aa.com","id":"R-77"},"lines":[{"line_id":"1","quantity":"1"}]}'
expect '"taken": "7180"' "$(call PointsService/ReturnPurchase "$back")"
expect OUTCOME_REPLAYED "$(call PointsService/ReturnPurchase "$back")"
expect '"outstanding": "290"' "$(call AdminService/GetLiability '{"program":"aadvantage"}')"
kill -TERM "$server"
wait "$server"
echo "buf curl: every call answered as expected"
