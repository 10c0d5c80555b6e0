-- Half of each page of connections stays free for new versions of its rows.
--
-- A connection's row is written when its OPEN comes, and again when it is accepted, when its
-- metadata is set and when it closes. Where the new version finds room on the same page, the two
-- indexes need not be touched (a HOT update), and reading finds it where the old one was.
alter table connections set (fillfactor = 50);
