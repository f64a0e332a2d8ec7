-- The rival of `rung bench`: the tables one purchase touches, as a PostgreSQL house would lay them out.
-- Kind to PostgreSQL on purpose: no foreign keys, no triggers, no second index, room on the page for in-place
-- updates, ascending keys; a member's history is a chain of entries, as in Rung, so it needs no index of its own.

create table tier (
    rank      int primary key,
    name      text not null,
    threshold bigint not null,
    next      bigint not null, -- the threshold of the tier above
    bonus     int not null     -- percent on top of the base points
);
insert into tier values
    (0, 'member', 0, 40000, 0), (1, 'gold', 40000, 75000, 40), (2, 'platinum', 75000, 125000, 60),
    (3, 'platinum-pro', 125000, 200000, 80), (4, 'executive-platinum', 200000, 9223372036854775807, 120);

create table member (
    member_id   text primary key,
    state       text not null,
    miles       bigint not null,
    tier        int not null,
    tier_since  timestamptz,
    tier_until  date,
    active_at   timestamptz,
    last_entry  bigint,
    version     bigint not null
) with (fillfactor = 60);

create table meter (
    member_id  text not null,
    year       int not null, -- the qualification year, 1 March to the end of February
    points     bigint not null,
    primary key (member_id, year)
) with (fillfactor = 60);

create table receipt (
    source       text not null,
    id           text not null,
    member_id    text not null,
    entry_id     bigint not null,
    kind         text not null,
    occurred_at  timestamptz not null,
    currency     text not null,
    primary key (source, id)
);

create table receipt_line (
    entry_id     bigint not null,
    line_id      text not null,
    category     text not null,
    quantity     bigint not null,
    minor_units  bigint not null,
    base         bigint not null,
    bonus        bigint not null,
    primary key (entry_id, line_id)
);

create sequence entry_ids cache 64;
create table entry (
    entry_id     bigint primary key,
    member_id    text not null,
    previous     bigint,
    recorded_at  timestamptz not null,
    miles        bigint not null,
    points       bigint not null,
    miles_after  bigint not null,
    points_after bigint not null,
    tier_before  int not null,
    tier_after   int not null
);
