CREATE TABLE rooms (id integer PRIMARY KEY, name varchar(40) DEFAULT 'it''s; fine');
INSERT INTO rooms (id) VALUES (1); -- a comment; with a semicolon
