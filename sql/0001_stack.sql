-- The first form of a stack's tables.
--
-- Why they exist: PostgreSQL is where people and scripts look ("who is connected, who listens to
-- what"), where a batch that nobody wanted is kept, and what remembers, after a crash, whose CLOSE
-- is still owed. It is no part of a message's way: the router writes here what the edges tell, a
-- few milliseconds after the fact, and corrects it from their snapshots.
--
-- Why nothing is UNLOGGED: those tables are emptied when PostgreSQL crashes, and with them the
-- knowledge of the connections whose edge died meanwhile. They are logged, and the commits do not
-- wait for the disk (synchronous_commit = off) except where somebody was promised something:
-- dead_letters, and who judges over an edge.
--
-- Why there are no foreign keys: rows come in batches of thousands, in an order that the router
-- keeps; a trigger for each row would cost more than the row.
--
-- The router runs this with search_path set to the stack's schema.

create table migrations (
    version    integer primary key,
    name       text not null,
    applied_at timestamptz not null default now()
);
comment on table migrations is 'The files of sql/ that have been applied to this schema.';
comment on column migrations.version is 'Number in front of the file''s name.';
comment on column migrations.name is 'The file''s name.';
comment on column migrations.applied_at is 'When.';

create table routers (
    router     text primary key,
    beat       bigint not null,
    started_at timestamptz not null default now(),
    seen_at    timestamptz not null default now()
);
comment on table routers is 'Routers that run, or ran within the last hour.';
comment on column routers.router is 'Name, new with every start.';
comment on column routers.beat is 'Grows while the router lives. The other routers watch it with their own clocks: that it stands still, not what time it is, tells that the router is gone.';
comment on column routers.started_at is 'When it first reached this database.';
comment on column routers.seen_at is 'Its last beat, for people.';

create table edges (
    edge_id     text primary key,
    state       text not null check (state in ('live', 'leaving', 'expired', 'left')),
    home_router text not null,
    home_epoch  bigint not null,
    address     text not null default '',
    started_at  timestamptz not null default now(),
    ended_at    timestamptz
);
comment on table edges is 'Edges: the processes that hold the clients'' sockets. Those that ended are kept for a day, so that none returns under an id that was declared dead.';
comment on column edges.edge_id is 'Id, new with every start; the first ten characters of its connections'' ids.';
comment on column edges.state is 'live; leaving (its last events are being delivered); expired (declared dead); left (ended in order).';
comment on column edges.home_router is 'The router that receives its events, and alone may declare it dead.';
comment on column edges.home_epoch is 'Grows with every change of home. Whoever writes about the edge names the epoch that it knows; an older one changes nothing.';
comment on column edges.address is 'Where its clients connect.';
comment on column edges.started_at is 'When a router first adopted it.';
comment on column edges.ended_at is 'When it left or was declared dead.';
create index edges_home_router on edges (home_router);

create table connections (
    connection_id text primary key,
    edge_id       text not null,
    state         text not null check (state in ('opening', 'open', 'closing')),
    metadata      json,
    ip            text,
    path          text,
    created_at    timestamptz not null default now(),
    opened_at     timestamptz
);
comment on table connections is 'Connections that are, and those whose CLOSE the backend has not acknowledged.';
comment on column connections.connection_id is 'Id; begins with its edge''s.';
comment on column connections.edge_id is 'The edge that holds its socket.';
comment on column connections.state is 'opening (the handshake waits for the backend); open; closing (the socket is gone or going, CLOSE is on its way).';
comment on column connections.metadata is 'What the backend last set; at first the request''s headers and ip. json, not jsonb: kept as it was written, \u0000 included.';
comment on column connections.ip is 'The client''s address.';
comment on column connections.path is 'Path of the request.';
comment on column connections.created_at is 'When its OPEN reached the router.';
comment on column connections.opened_at is 'When the backend''s ACCEPT took effect.';
create index connections_edge_id on connections (edge_id, connection_id);

create table subscriptions (
    connection_id text not null,
    channel       text not null,
    since         timestamptz not null default now(),
    primary key (connection_id, channel)
);
comment on table subscriptions is 'Who is a member of which channel.';
comment on column subscriptions.connection_id is 'The member.';
comment on column subscriptions.channel is 'The channel. A channel exists while it has a member.';
comment on column subscriptions.since is 'When the row was written.';
create index subscriptions_channel on subscriptions (channel, connection_id);

create table dead_letters (
    id              bigint generated always as identity primary key,
    idempotency_key text not null unique,
    connection_id   text not null,
    kind            text not null check (kind in ('events', 'close')),
    first_sequence  bigint not null,
    last_sequence   bigint not null,
    metadata        json,
    events          json not null,
    attempts        integer not null,
    last_status     integer,
    last_error      text not null default '',
    created_at      timestamptz not null default now(),
    replayed_at     timestamptz
);
comment on table dead_letters is 'Batches of events that the backend refused or did not take in time. Complete: they can be posted again as they are.';
comment on column dead_letters.id is 'Number, in the order of giving up.';
comment on column dead_letters.idempotency_key is 'The key that every attempt carried; a replay carries it too.';
comment on column dead_letters.connection_id is 'Whose events.';
comment on column dead_letters.kind is 'events, or close for the CLOSE that ends a connection.';
comment on column dead_letters.first_sequence is 'Number of the first event of the connection in the batch (OPEN is 0; a CLOSE that the router wrote for a lost edge has the largest number).';
comment on column dead_letters.last_sequence is 'Number of the last.';
comment on column dead_letters.metadata is 'The connection''s metadata at the last attempt.';
comment on column dead_letters.events is 'The events as they stand in the request body.';
comment on column dead_letters.attempts is 'Requests made.';
comment on column dead_letters.last_status is 'HTTP status of the last answer; null when there was none.';
comment on column dead_letters.last_error is 'What was wrong with the last attempt.';
comment on column dead_letters.created_at is 'When the router gave up.';
comment on column dead_letters.replayed_at is 'When it was delivered after all; null while it waits.';
create index dead_letters_connection_id on dead_letters (connection_id);

create view channels as
    select channel, count(*) as members, min(since) as oldest_member_since
    from subscriptions
    group by channel;
comment on view channels is 'Channels with their number of members.';
comment on column channels.channel is 'Its name.';
comment on column channels.members is 'Connections that are in it now.';
comment on column channels.oldest_member_since is 'When its oldest membership was written.';

create view clients as
    select c.connection_id, c.state, c.ip, c.path,
           date_trunc('second', now() - coalesce(c.opened_at, c.created_at)) as age,
           (select coalesce(array_agg(s.channel order by s.channel), '{}')
            from subscriptions s
            where s.connection_id = c.connection_id) as channels,
           c.edge_id, c.metadata
    from connections c;
comment on view clients is 'Connections with their channels and their age.';
comment on column clients.connection_id is 'Id; begins with its edge''s.';
comment on column clients.state is 'opening, open or closing.';
comment on column clients.ip is 'The client''s address.';
comment on column clients.path is 'Path of the request.';
comment on column clients.age is 'Since ACCEPT took effect, or since OPEN while it is opening.';
comment on column clients.channels is 'The channels it is in, sorted.';
comment on column clients.edge_id is 'The edge that holds its socket.';
comment on column clients.metadata is 'What the backend last set; at first the request''s headers and ip.';

create view edge_load as
    select e.edge_id, e.state, e.address, e.home_router,
           count(c.connection_id) filter (where c.state = 'open') as open,
           count(c.connection_id) filter (where c.state = 'opening') as opening,
           count(c.connection_id) filter (where c.state = 'closing') as closing,
           date_trunc('second', coalesce(e.ended_at, now()) - e.started_at) as age
    from edges e
    left join connections c on c.edge_id = e.edge_id
    group by e.edge_id;
comment on view edge_load is 'Edges with their connections by state.';
comment on column edge_load.edge_id is 'Id.';
comment on column edge_load.state is 'live, leaving, expired or left.';
comment on column edge_load.address is 'Where its clients connect.';
comment on column edge_load.home_router is 'The router that judges it.';
comment on column edge_load.open is 'Connections that are open.';
comment on column edge_load.opening is 'Connections that wait for the backend''s answer to OPEN.';
comment on column edge_load.closing is 'Connections whose CLOSE is on its way.';
comment on column edge_load.age is 'Since its start; of one that has ended, how long it lived.';

create view dead_letters_waiting as
    select id, connection_id, kind, json_array_length(events) as events,
           attempts, last_status, last_error,
           date_trunc('second', now() - created_at) as age
    from dead_letters
    where replayed_at is null
    order by id;
comment on view dead_letters_waiting is 'Dead letters that nobody has replayed, oldest first, without their contents.';
comment on column dead_letters_waiting.id is 'Number in dead_letters.';
comment on column dead_letters_waiting.connection_id is 'Whose events.';
comment on column dead_letters_waiting.kind is 'events, or close.';
comment on column dead_letters_waiting.events is 'How many events.';
comment on column dead_letters_waiting.attempts is 'Requests made.';
comment on column dead_letters_waiting.last_status is 'HTTP status of the last answer.';
comment on column dead_letters_waiting.last_error is 'What was wrong with the last attempt.';
comment on column dead_letters_waiting.age is 'Since the router gave up.';
