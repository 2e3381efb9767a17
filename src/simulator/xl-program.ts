import { chmodSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';

/**
 * The text of a program that hands its arguments to the simulation and ends as it says. It begins as a shell script,
 * because a path to Node may be longer or hold other characters than a `#!` line can; to JavaScript that line is a
 * string and a comment. It works as CommonJS and as ES module, whichever its folder makes of it.
 */
function programText(node: string, controlSocket: string): string {
  const quotedNode = `'${node.replaceAll("'", "'\\''")}'`;
  return `#!/bin/sh
':' //; exec ${quotedNode} "$0" "$@"
import('node:net').then(({ connect }) => {
  let answer = '';
  const socket = connect(${JSON.stringify(controlSocket)});
  socket.setEncoding('utf8');
  socket.on('error', error => {
    process.stderr.write('xencall: error: Could not obtain handle on privileged command interface: ' + error.message + '\\n');
  });
  socket.on('data', text => {
    answer += text;
    if (answer.endsWith('\\n')) socket.end();
  });
  socket.on('close', () => {
    process.exitCode = 1;
    if (!answer.endsWith('\\n')) return;
    const { result, error } = JSON.parse(answer);
    process.stdout.write(result ? result.stdout : '');
    process.stderr.write(result ? result.stderr : error + '\\n');
    process.exitCode = result ? result.status : 1;
  });
  socket.write(JSON.stringify({ command: 'xl', argv: process.argv.slice(2), folder: process.cwd() }) + '\\n');
});
`;
}

/** Writes the `xl` of a simulated dom0. @param controlSocket where the simulation listens. */
export function writeXlProgram(path: string, controlSocket: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, programText(process.execPath, controlSocket));
  chmodSync(path, 0o755);
}
