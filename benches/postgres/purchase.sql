-- One purchase, one round trip: the comparable work of RecordPurchase in one plpgsql function. It answers a
-- replay by its receipt, locks the member, prices three lines with the tier's bonus, feeds the meter of the
-- purchase's year, reviews the tier, writes receipt, lines and ledger row, and returns the state after it.
-- It leaves out what would only slow PostgreSQL down: content comparison of replays, lots, holds, expiry,
-- milestones, program versions and explanations.

create function record_purchase(
    p_member text, p_source text, p_receipt text, p_kind text, p_occurred timestamptz, p_currency text,
    p_lines text[], p_categories text[], p_quantities bigint[], p_amounts bigint[],
    out replayed boolean, out entry bigint, out granted bigint, out miles bigint, out points bigint, out tier text
) language plpgsql as $$
#variable_conflict use_variable
declare
    m          member%rowtype;
    t          tier%rowtype;
    v_year     int := date_part('year', p_occurred - interval '2 months');
    v_base     bigint;
    v_bonus    bigint;
begin
    select * into m from member where member_id = p_member for update;
    if not found then
        raise exception 'MEMBER_NOT_FOUND';
    end if;
    if m.state <> 'active' then
        raise exception 'MEMBER_NOT_ACTIVE';
    end if;

    entry := nextval('entry_ids');
    replayed := false;
    insert into receipt values (p_source, p_receipt, p_member, entry, p_kind, p_occurred, p_currency)
        on conflict do nothing;
    if not found then
        replayed := true;
        select e.entry_id, e.miles, e.points_after into entry, granted, points
            from receipt r join entry e using (entry_id)
            where r.source = p_source and r.id = p_receipt and r.member_id = p_member;
        if not found then
            raise exception 'RECEIPT_TAKEN';
        end if;
        miles := m.miles;
        select k.name into tier from tier k where k.rank = m.tier;
        return;
    end if;

    select * into t from tier k where k.rank = m.tier;
    granted := 0;
    for i in 1 .. cardinality(p_lines) loop
        v_base := case when p_categories[i] in ('fare', 'carrier_fee') then p_amounts[i] * 5 / 100 else 0 end;
        v_bonus := v_base * t.bonus / 100;
        insert into receipt_line
            values (entry, p_lines[i], p_categories[i], p_quantities[i], p_amounts[i], v_base, v_bonus);
        granted := granted + v_base + v_bonus;
    end loop;

    insert into meter as q values (p_member, v_year, granted)
        on conflict (member_id, year) do update set points = q.points + excluded.points
        returning q.points into points;

    if points >= t.next then
        select * into t from tier k where k.threshold <= points order by k.threshold desc limit 1;
    end if;
    miles := m.miles + granted;
    tier := t.name;
    update member as u set
        miles = m.miles + granted,
        tier = t.rank,
        tier_since = case when t.rank > m.tier then now() else u.tier_since end,
        tier_until = case when t.rank > m.tier then make_date(v_year + 2, 4, 1) else u.tier_until end,
        active_at = greatest(u.active_at, p_occurred),
        last_entry = entry,
        version = u.version + 1
    where u.member_id = p_member;

    insert into entry values (entry, p_member, m.last_entry, now(), granted, granted,
                              miles, points, m.tier, t.rank);
end $$;
