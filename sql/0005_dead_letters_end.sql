-- Dead letters do not pile up for ever.
--
-- Why bytes are counted when a row is written: a file that PostgreSQL has once filled does not
-- shrink when rows go, so that its size tells nothing; and to measure the rows themselves all of
-- them would have to be read. This sum is read from an index. It counts the events and metadata as
-- they are before PostgreSQL compresses them, and 1024 for the rest of the row and its indexes.
alter table dead_letters add column bytes bigint not null default 1024;
update dead_letters
    set bytes = 1024 + pg_column_size(events) + coalesce(pg_column_size(metadata), 0);
comment on column dead_letters.bytes is 'What it counts for DEAD_LETTER_LIMIT.';
create index dead_letters_age on dead_letters (created_at, id) include (bytes);

-- The claims of routers are few, however many letters are to be replayed.
create index dead_letters_claimed on dead_letters (replay_claimed_by)
    where replay_claimed_by is not null;
