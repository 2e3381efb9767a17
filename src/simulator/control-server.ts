import type { Socket } from 'node:net';
import { runCommand } from './control-commands.ts';
import type { Simulation } from './simulation.ts';
import { SocketServer } from './socket-server.ts';

/** Characters of the longest command. */
const LINE_MAX = 1_048_576;

/**
 * Takes commands, one JSON object a line, and answers each with `{"result": …}` or `{"error": "…"}` on a line.
 * @returns the server, not yet listening.
 */
export function controlServer(path: string, simulation: Simulation): SocketServer {
  return new SocketServer(path, socket => serve(socket, simulation));
}

function serve(socket: Socket, simulation: Simulation): void {
  let begun = '';
  let last = Promise.resolve();
  socket.setEncoding('utf8');
  socket.on('data', (text: string) => {
    const lines = `${begun}${text}`.split('\n');
    begun = lines.pop() ?? '';
    for (const line of lines) last = last.then(() => answer(socket, simulation, line));
    if (begun.length > LINE_MAX) socket.destroy();
  });
}

async function answer(socket: Socket, simulation: Simulation, line: string): Promise<void> {
  const reply = await run(simulation, line);
  if (socket.writable) socket.write(`${JSON.stringify(reply)}\n`);
}

async function run(simulation: Simulation, line: string): Promise<{ result: unknown } | { error: string }> {
  try {
    return { result: (await runCommand(simulation, JSON.parse(line))) ?? null };
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}
