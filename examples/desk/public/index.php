<?php
// Opening hours of the hotel's desk: plain PHP, no framework, no container.
declare(strict_types=1);

header('Content-Type: text/html; charset=utf-8');
$open = (int) date('G') >= 7 && (int) date('G') < 23;
?>
<!doctype html>
<html lang="en">
<title>Desk</title>
<link rel="stylesheet" href="/desk.css">
<h1>The desk is <?= $open ? 'open' : 'closed' ?></h1>
<p>Served by PHP <?= PHP_MAJOR_VERSION . '.' . PHP_MINOR_VERSION ?> as the user <?= htmlspecialchars(posix_getpwuid(posix_geteuid())['name']) ?>.</p>
</html>
