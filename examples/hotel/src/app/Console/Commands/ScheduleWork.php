<?php

namespace App\Console\Commands;

use App\Support\Trace;
use Illuminate\Console\Scheduling\ScheduleWorkCommand;
use Symfony\Component\Console\Attribute\AsCommand;
use Symfony\Component\Process\Process;
use Throwable;

/**
 * The framework's schedule:work, made fit for a container: it starts its work at once instead of at the
 * next full minute, ends on SIGTERM after the task in hand, and says every second that it is alive.
 */
#[AsCommand(name: 'schedule:work')]
class ScheduleWork extends ScheduleWorkCommand
{
    private bool $stopping = false;

    /** @var list<Process> */
    private array $runs = [];

    private string $instance;

    public function handle(): int
    {
        $this->instance = gethostname().'-'.bin2hex(random_bytes(3));
        $this->trap([SIGTERM, SIGINT, SIGQUIT], function (): void {
            $this->stopping = true;
        });

        $this->alive('start');
        $minute = $second = 0;
        while (! $this->stopping) {
            if ($minute !== intdiv(time(), 60)) {
                $minute = intdiv(time(), 60);
                $this->runs[] = $run = new Process([PHP_BINARY, ARTISAN_BINARY, 'schedule:run'], timeout: null);
                $run->start();
            }
            if ($second !== time()) {
                $second = time();
                $this->alive('beat');
            }
            $this->forwardOutput();
            usleep(100_000);
        }

        foreach ($this->runs as $run) {
            $run->isRunning() && $run->signal(SIGTERM);
        }
        while ($this->runs !== []) {
            $this->forwardOutput();
            usleep(20_000);
        }
        $this->alive('stop');

        return self::SUCCESS;
    }

    private function forwardOutput(): void
    {
        foreach ($this->runs as $key => $run) {
            $ended = ! $run->isRunning();
            fwrite(STDERR, $run->getIncrementalErrorOutput());
            $run->clearOutput();
            if ($ended) {
                unset($this->runs[$key]);
            }
        }
    }

    /** Before the first migration there is no table to write to; the scheduler must outlive that. */
    private function alive(string $event): void
    {
        try {
            Trace::schedulerAlive($this->instance, $event);
            touch('/tmp/scheduler-alive');
        } catch (Throwable $e) {
            logger()->warning('the scheduler cannot say that it is alive', ['error' => $e->getMessage()]);
        }
    }
}
