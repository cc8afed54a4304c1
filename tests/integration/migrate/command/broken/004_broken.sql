CREATE TABLE half (id integer PRIMARY KEY);
INSERT INTO nowhere VALUES (1);
