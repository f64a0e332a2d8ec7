-- The members, loaded at once and untimed; :members is set by the harness.
insert into member select 'm-' || lpad(n::text, 8, '0'), 'active', 0, 0, null, null, null, null, 0
    from generate_series(0, :members - 1) as n;
vacuum (freeze, analyze) member;
checkpoint;
