<?php
// A reload's signal ends sleep() early, so look at the clock.
$end = microtime(true) + (float) ($_GET['seconds'] ?? 3);
while (microtime(true) < $end) {
    usleep(50000);
}
echo 'slow';
