// What the server counts, asked for every two seconds and kept for ten minutes, whatever view is open.

import { headers } from './api.js';

const EVERY_MS = 2000;
const PATIENCE_MS = 6000;
export const KEPT_MS = 10 * 60 * 1000;

const samples = []; // {at, values}: at in milliseconds, values by name, summed over labels
const listeners = new Set();
let state = 'wait'; // wait, here, away, key
let timer;

function parsed(text) {
    const values = {};
    for (const line of text.split('\n')) {
        const end = line.lastIndexOf(' ');
        if (line[0] === '#' || end < 0) continue;
        const name = line.slice(0, end).split('{', 1)[0];
        values[name] = (values[name] ?? 0) + Number(line.slice(end + 1));
    }
    return values;
}

async function ask() {
    try {
        const answer = await fetch('/metrics', { headers: headers(), signal: AbortSignal.timeout(PATIENCE_MS) });
        if (answer.status === 401 || answer.status === 403) return 'key';
        if (!answer.ok) return 'away';
        const values = parsed(await answer.text());
        const at = Date.now();
        samples.push({ at, values });
        while (samples[0].at < at - KEPT_MS - EVERY_MS) samples.shift();
        return 'here';
    } catch {
        return 'away';
    }
}

async function turn() {
    const before = state;
    state = await ask();
    for (const listener of listeners) listener(state, before);
    timer = setTimeout(turn, EVERY_MS);
}

/** Begins, or asks again at once. */
export function poll() {
    clearTimeout(timer);
    turn();
}

/** Calls f(state, before) after each answer until the signal is aborted: `here`, `away`, or `key` (the key does not allow it). */
export function onSample(f, signal) {
    listeners.add(f);
    signal?.addEventListener('abort', () => listeners.delete(f));
}

export const latest = () => samples.at(-1)?.values;

/** When the server last answered, in milliseconds; undefined: never. */
export const lastAt = () => samples.at(-1)?.at;

/** [{at, value}]: by how much a counter grew a second. A restart of the server leaves a gap (value undefined). */
export function rates(name) {
    const found = [];
    for (let i = 1; i < samples.length; i++) {
        const seconds = (samples[i].at - samples[i - 1].at) / 1000;
        const grown = samples[i].values[name] - samples[i - 1].values[name];
        found.push({ at: samples[i].at, value: grown >= 0 && seconds > 0 && seconds < 30 ? grown / seconds : undefined });
    }
    return found;
}
