// A real Prometheus with a written history, on a free port of loopback, ended with the test.
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { now } from './fixtures';

export interface RunningPrometheus {
  /** Answers the query proxy's paths from Prometheus itself. */
  fetch: typeof fetch;
  stop(): Promise<void>;
}

/** Half an hour up to `now`, every 15 seconds, of two instances of `api`; the scrapes of minute 10 are missing. */
export function history(): string {
  const lines: string[] = [];
  const samples = (name: string, labels: string, value: (index: number) => number | string): void => {
    for (let index = 0; index <= 120; index++) {
      if (index < 40 || index >= 44) lines.push(`${name}{${labels}} ${value(index)} ${now / 1000 - 1800 + index * 15}`);
    }
  };
  lines.push('# TYPE requests counter');
  samples('requests_total', 'job="api",instance="a.b:1"', (index) => index * 30);
  samples('requests_total', 'job="api",instance="c:1"', (index) => index * 60);
  lines.push('# TYPE up gauge');
  samples('up', 'job="api",instance="a.b:1",tier="service"', () => 1);
  samples('up', 'job="prometheus",instance="p:1",tier="monitoring"', () => 1);
  lines.push('# TYPE latency_seconds histogram');
  for (const [bound, share] of [['0.1', 1], ['0.5', 3], ['+Inf', 4]]) samples('latency_seconds_bucket', `le="${bound}"`, (index) => index * 15 * Number(share));
  lines.push('# TYPE started_seconds gauge');
  samples('started_seconds', 'job="api"', () => now / 1000 - 600);
  return `${lines.join('\n')}\n# EOF\n`;
}

export async function startPrometheus(openMetrics: string): Promise<RunningPrometheus> {
  const folder = mkdtempSync(path.join(tmpdir(), 'viewer-prometheus-'));
  writeFileSync(path.join(folder, 'history.om'), openMetrics);
  writeFileSync(path.join(folder, 'prometheus.yml'), 'scrape_configs: []\n');
  execFileSync('promtool', ['tsdb', 'create-blocks-from', 'openmetrics', path.join(folder, 'history.om'), path.join(folder, 'data')], { stdio: 'pipe' });
  const base = `http://127.0.0.1:${await freePort()}`;
  const child = spawn('prometheus', [`--config.file=${folder}/prometheus.yml`, `--storage.tsdb.path=${folder}/data`, '--storage.tsdb.retention.time=100y', `--web.listen-address=${base.slice('http://'.length)}`], { stdio: 'ignore' });
  try {
    await untilReady(base, child);
  } catch (error) {
    child.kill('SIGKILL');
    throw error;
  }
  return {
    fetch: ((url: string, init?: RequestInit) => {
      const rest = /^\/api\/v1\/query\/prometheus(\/.*)$/.exec(url)?.[1];
      return rest ? fetch(`${base}/api/v1${rest}`, init) : Promise.resolve(new Response('{"scrape_interval_seconds":15}'));
    }) as typeof fetch,
    stop: async () => {
      const ended = new Promise((resolve) => child.once('exit', resolve));
      child.kill('SIGKILL');
      await ended;
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0));
    });
  });
}

async function untilReady(base: string, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`prometheus ended with status ${child.exitCode}`);
    const ready = await fetch(`${base}/-/ready`).then((response) => response.ok, () => false);
    if (ready) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
