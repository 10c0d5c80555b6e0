-- Dead letters can be replayed.
--
-- Why the wish for it is a column: control only writes down that somebody asks, and answers. Which
-- router takes it up, and that one does when the first is killed, is decided here and nowhere else,
-- so that a replay outlives every restart.
--
-- Why a claim has no time: clocks of machines differ. A claim is as good as the beat of its router
-- (table routers); another router that sees the beat stand still takes the claim away.

alter table dead_letters
    add column replay_requested_at timestamptz,
    add column replay_claimed_by   text,
    add column replay_failed_at    timestamptz;
comment on column dead_letters.attempts is 'Requests made, those of replays included.';
comment on column dead_letters.replay_requested_at is 'Since when it is to be replayed; null again when that has ended, either way.';
comment on column dead_letters.replay_claimed_by is 'The router that replays it.';
comment on column dead_letters.replay_failed_at is 'When a replay last ended without being delivered; last_status and last_error say why.';
create index dead_letters_replay_requested on dead_letters (replay_requested_at, id)
    where replay_requested_at is not null;
create index dead_letters_not_replayed on dead_letters (id) where replayed_at is null;

create or replace view dead_letters_waiting as
    select id, connection_id, kind, json_array_length(events) as events,
           attempts, last_status, last_error,
           date_trunc('second', now() - created_at) as age, replay_requested_at, replay_failed_at
    from dead_letters
    where replayed_at is null
    order by id;
comment on view dead_letters_waiting is 'Dead letters that are not delivered, oldest first, without their contents.';
comment on column dead_letters_waiting.replay_requested_at is 'Since when it is to be replayed; null: nobody has asked.';
comment on column dead_letters_waiting.replay_failed_at is 'When a replay last failed.';
