/** The module that runs in the page, as text: it needs the types of a page, which the rest of the project does not. */
export const script = `
import * as core from '/core.js';
import { answersOf } from '/answers.js';

const refused = [];
document.addEventListener('securitypolicyviolation', ({ blockedURI }) => refused.push(blockedURI));
const bytesOf = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());

async function answered(paths) {
  const answers = [];
  let before = await bytesOf(paths[0]);
  for (const path of paths) {
    const bytes = await bytesOf(path);
    answers.push(answersOf(core, bytes, before));
    before = bytes;
  }
  return { answers, refused: [...refused] };
}

async function trouble(path) {
  try {
    for (const _event of core.openBytes(await bytesOf(path)).read());
    return null;
  } catch (error) {
    return { code: error.code, isTrouble: error instanceof core.Trouble, message: error.message };
  }
}

// A debugger's evaluations are exempt from the policy while they run: all is done in tasks of the page itself.
const { traces, damaged } = await (await fetch('/names.json')).json();
const answer = await answered(traces);
const troubles = [];
for (const path of damaged) troubles.push(await trouble(path));
let makesCode = false;
try {
  makesCode = new Function('return true')();
} catch {}
globalThis.answered = { ...answer, troubles, makesCode };
`;
