import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import type { Dom0Layout } from '../../api/layout.ts';
import type { Reporter } from '../../controller/report.ts';
import { keepSmall } from '../../daemon/footprint.ts';
import { runDaemon } from '../../daemon/run.ts';
import { asService } from '../../daemon/service.ts';
import type { Attendance, LiveSession } from '../../daemon/session.ts';
import { detectXen } from '../../host/index.ts';
import { apiResources } from '../api-resources.ts';
import { type Context, globalsOf, withExamples } from '../context.ts';
import { type ControlOptions, control, requireXen } from '../control.ts';
import { CliError, ExitCode } from '../exit.ts';
import { Rest } from '../looks/rest.ts';
import { withSimulatedHost } from '../simulated.ts';
import { port, seconds } from '../terminal/numbers.ts';
import { Screen } from '../terminal/screen.ts';
import type { Shell } from '../terminal/shell.ts';
import { VERSION } from '../version.ts';
import { showAssignments } from '../views/assignment-table.ts';

interface Options {
  readonly host: 'real' | 'simulated' | 'auto';
  readonly resync: number;
  readonly log?: 'text' | 'json';
  readonly allowEmpty?: boolean;
  readonly metricsPort?: number;
  readonly metricsFile?: string;
}

/** `xenpci run`. */
export function runCommand(command: Command, { shell, end }: Context): Command {
  return withExamples(command, [
    ['On a Xen dom0, as root', 'xenpci run'],
    ['On a simulated dom0, with the samples: nothing of this machine is touched', 'xenpci run --host simulated'],
    ['With other manifests, looking at least once a minute', 'xenpci run --manifests ./manifests --resync 60'],
  ])
    .addOption(
      new Option('--host <kind>', 'the dom0: this one, a simulated one, or this one where there is Xen')
        .choices(['real', 'simulated', 'auto'])
        .default('real'),
    )
    .option('--resync <duration>', 'look at least this often, whatever is heard of', seconds, 30)
    .addOption(
      new Option('--log <format>', 'lines for people or for programs (default: text on a terminal)').choices([
        'text',
        'json',
      ]),
    )
    .option('--allow-empty', 'take a missing or empty folder of manifests as: nothing is desired')
    .option('--metrics-port <port>', 'serve metrics at 127.0.0.1, too, for Prometheus', port)
    .option('--metrics-file <path>', "write metrics to a file, too, for node_exporter's textfile collector")
    .action(async (options: Options) => {
      keepSmall();
      const globals = globalsOf(command, shell);
      const { resync, allowEmpty = false } = options;
      if (options.metricsPort === 0) throw new CliError('--metrics-port must be a port that Prometheus can know');
      const simulated = await isSimulated(options.host, globals.layout);
      const log = options.log ?? (simulated || shell.stdout.isTerminal ? 'text' : 'json');
      const run = (where: ControlOptions['globals']): Promise<ExitCode> =>
        keep(shell, { globals: where, log, resyncMs: resync * 1000, allowEmpty }, options);
      end(simulated ? await withSimulatedHost(shell, globals, { asked: options.host, log }, run) : await run(globals));
    });
}

/** @throws {CliError} when a real host was asked for and this is none. */
async function isSimulated(asked: Options['host'], layout: Dom0Layout): Promise<boolean> {
  if (asked === 'simulated') return true;
  if (asked === 'auto') return !(await detectXen(layout));
  await requireXen(layout);
  return false;
}

async function keep(shell: Shell, options: ControlOptions, { metricsPort, metricsFile }: Options): Promise<ExitCode> {
  const attend = async (session: LiveSession): Promise<Attendance> => {
    // Only here: the hook and every look start sooner without a web server and a metrics library.
    const { serve } = await import('../../daemon/serve.ts');
    return serve(session, {
      resources: apiResources(options.globals),
      version: VERSION,
      ...(metricsPort === undefined ? {} : { metricsPort }),
      ...(metricsFile === undefined ? {} : { metricsFile: resolve(metricsFile) }),
    });
  };
  const onReport = options.log === 'text' ? tableAtRest(shell) : () => undefined;
  const ending = await control(shell, options, parts =>
    asService(
      shell.env['NOTIFY_SOCKET'],
      { ...parts, onReport, attend, onReload: shell.onReload },
      shell.onStop,
      given => runDaemon(given, shell.onStop),
    ),
  );
  return ending === 'forced' ? ExitCode.forced : ExitCode.ok;
}

/** Shows a table whenever the host has come to rest in another way than before. */
function tableAtRest(shell: Shell): Reporter {
  const screen = new Screen(shell.stdout, shell);
  const rest = new Rest();
  return report => {
    const status = rest.after(report);
    if (status === undefined) return;
    screen.line();
    showAssignments(screen, status.assignments, { now: Date.now(), wide: false });
    screen.line();
  };
}
