-- steady: expand
ALTER TABLE rooms ADD COLUMN nights integer;
