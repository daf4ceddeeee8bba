-- What a model wrote about a run or a dataset, as JSON, and until when somebody writes it.
ALTER TABLE runs ADD COLUMN explanation TEXT;
ALTER TABLE runs ADD COLUMN explaining_until BIGINT;
ALTER TABLE datasets ADD COLUMN description TEXT;
ALTER TABLE datasets ADD COLUMN describing_until BIGINT;
