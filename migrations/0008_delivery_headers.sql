-- The headers that it takes to parse a kept body again: a JSON object of lower-case names to values, without credentials.
-- Empty for bodies that were kept before.
ALTER TABLE deliveries ADD COLUMN headers jsonb NOT NULL DEFAULT '{}';
