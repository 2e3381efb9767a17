import { sep } from 'node:path';
import type { Plugin } from 'esbuild';

/**
 * Parts of libraries that are loaded with them and that the program never comes to, each with what stands in its place.
 * Their code takes time at every start, and memory for as long as the program runs.
 */
export const LEFT_OUT: Readonly<Record<string, string>> = {
  // The names of some 2,200 characters in HTML, and two copies of that table. A libvirt definition is XML, which has five.
  '@xmldom/xmldom/lib/entities.js': `exports.XML_ENTITIES = { amp: '&', apos: "'", gt: '>', lt: '<', quot: '"' };`,
  // Logging from a thread of its own.
  'pino/lib/transport.js': '',
  // The measures of Node itself, of which one brings OpenTelemetry along.
  'prom-client/lib/defaultMetrics.js': '',
  // Pushing metrics by HTTPS, summaries, and many processes that share one port.
  'prom-client/lib/pushgateway.js': '',
  'prom-client/lib/summary.js': '',
  'prom-client/lib/cluster.js': '',
};

/** Leaves those parts out of a bundle, and fails it when one has moved: it would be in again, and nobody would know. */
export function leavingOut(): Plugin {
  return {
    name: 'leaving-out',
    setup(build) {
      const open = new Set(Object.keys(LEFT_OUT));
      build.onLoad({ filter: /[\\/]node_modules[\\/]/ }, ({ path }) => {
        const [, part = ''] = path
          .split(sep)
          .join('/')
          .split(/.*\/node_modules\//);
        const contents = LEFT_OUT[part];
        if (contents === undefined) return undefined;
        open.delete(part);
        return { contents };
      });
      build.onEnd(({ errors }) => {
        const missing = errors.length > 0 ? [] : [...open];
        return { errors: missing.map(part => ({ text: `${part} is to be left out, and is not there` })) };
      });
    },
  };
}
