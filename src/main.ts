import { runProgram } from './cli/program.ts';
import { processShell } from './cli/terminal/shell.ts';

// Ends the process although a library may still hold a timer; on Linux what was written has arrived by then.
void runProgram(process.argv.slice(2), processShell()).then(code => process.exit(code));
