-- The primary keys become the newest indexes of their tables.
--
-- The statements of the router name rows by connection. When PostgreSQL believes that a table is
-- empty (it was, when its statistics were taken), all indexes in which that column occurs cost the
-- same, even where it is the second: then it takes the newest. With the primary key a row is found
-- at once; with the others, by walking through them. Where this order is lost (a database restored
-- from a dump), the next statistics, a minute later, put it right as well.
alter table subscriptions drop constraint subscriptions_pkey;
alter table subscriptions add primary key (connection_id, channel);
alter table connections drop constraint connections_pkey;
alter table connections add primary key (connection_id);
