-- What production left undone is production's: a runner that is switched on in a copy
-- of its database does only what is enqueued there.
UPDATE queue_job
   SET state = 'cancelled',
       date_cancelled = now() AT TIME ZONE 'UTC',
       result = 'Cancelled when the database was neutralized'
 WHERE state IN ('wait_dependencies', 'pending', 'enqueued', 'started');
