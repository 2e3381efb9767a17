import type { Server } from 'node:http';
import { messageOf } from '../controller/message-of.ts';
import { FreshLooks } from './api/fresh-looks.ts';
import { Health } from './api/health.ts';
import { lookTexts } from './api/look-text.ts';
import type { Resources } from './api/resources.ts';
import { apiRoutes } from './api/routes.ts';
import { listenOnSocket, socketPath } from './api/socket-file.ts';
import { Metrics } from './metrics/metrics.ts';
import { MetricsFile } from './metrics/metrics-file.ts';
import { closed, failure, type Handler, listenOnLoopback, readOnlyServer } from './read-only-server.ts';
import type { Attendance, LiveSession } from './session.ts';

export interface ServeOptions {
  readonly resources: Resources;
  readonly version: string;
  /** A port of the loopback address that serves metrics, too. */
  readonly metricsPort?: number;
  /** A text file for node_exporter, absolute. */
  readonly metricsFile?: string;
}

/**
 * Tells others of a running controller: the API on its socket, metrics where they are asked for. What cannot be had is
 * told in the log: the controller works without it.
 */
export async function serve(session: LiveSession, options: ServeOptions): Promise<Attendance> {
  const { layout, clock, resyncMs, journal, host } = session;
  const warn = (message: string): void => session.log({ level: 'warn', event: 'ServeFailed', message, fields: {} });
  const health = new Health(clock.now, resyncMs);
  const fresh = new FreshLooks(clock, session.look);
  const metrics = new Metrics(options.version);
  const file =
    options.metricsFile === undefined ? undefined : new MetricsFile(options.metricsFile, () => metrics.text(), warn);
  session.onReport(report => metrics.hearReport(report));
  session.onPass(pass => {
    health.hear(pass);
    fresh.hear(pass);
    metrics.hearPass(pass);
    file?.write();
  });
  const endHints = host.onHint(about => metrics.hearHint(about));
  const defect = (error: unknown): void => warn(`a request failed: ${messageOf(error)}`);
  const parts = {
    journal,
    resources: options.resources,
    lookText: lookTexts({ manifests: session.manifests, controller: process.pid, version: options.version }),
    health,
    fresh,
    metrics: () => metrics.text(),
  };
  const api = readOnlyServer(apiRoutes(parts), defect);
  const servers = [
    await opened(api, listenOnSocket(api, layout), `the API at ${socketPath(layout)}`, warn),
    ...(options.metricsPort === undefined ? [] : [await metricsPort(options.metricsPort, metrics, defect, warn)]),
  ];
  return {
    async close() {
      endHints();
      fresh.close();
      await Promise.all(servers.map(server => server && closed(server)));
      await file?.close();
    },
  };
}

async function metricsPort(
  port: number,
  metrics: Metrics,
  defect: (error: unknown) => void,
  warn: (message: string) => void,
): Promise<Server | undefined> {
  const handle: Handler = async ({ path }) => {
    if (path.length === 1 && path[0] === 'metrics') return { code: 200, ...(await metrics.text()) };
    return failure(404, 'NotFound', 'only /metrics is here');
  };
  const server = readOnlyServer(handle, defect);
  const listening = listenOnLoopback(server, port);
  return opened(server, listening, `metrics at 127.0.0.1:${port}`, warn);
}

async function opened(
  server: Server,
  listening: Promise<unknown>,
  what: string,
  warn: (message: string) => void,
): Promise<Server | undefined> {
  try {
    await listening;
    server.on('error', error => warn(`${what}: ${error.message}`));
    return server;
  } catch (cause) {
    server.close();
    warn(`${what} cannot be served: ${messageOf(cause)}`);
    return undefined;
  }
}
