/** A service in a process of its own, for tests that kill it. Prints its address. */
import { startServer } from '../index.ts';

const [db = '', port = '0'] = process.argv.slice(2);
const { url } = await startServer({ db, port: Number(port) });
console.log(url);
