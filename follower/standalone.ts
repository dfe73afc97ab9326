/** The agent as a program of its own: what a bundle of it starts with. */
import { main } from './main.ts';

process.exitCode = await main(process.argv.slice(2));
