// Questions to the server this page came from.

import { askForKey, key } from './key.js';

/** The server answered and said no: `status`, and its problem document in `problem`. */
export class Refused extends Error {
    constructor(status, problem) {
        super(problem.detail || problem.title || `The server answered ${status}.`);
        this.status = status;
        this.problem = problem;
    }
}

/** Nobody answered: the server, or the way to it, is away. */
export class Away extends Error {
    constructor() {
        super('The server does not answer.');
    }
}

const PATIENCE_MS = 15000;

/** {sku: ['a', 'b'], limit: 3} → "?sku=a&sku=b&limit=3"; what is undefined, null or '' is left out. */
export function query(parameters = {}) {
    const pairs = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {
        for (const one of [value].flat()) {
            if (one !== undefined && one !== null && one !== '') pairs.append(name, one);
        }
    }
    return pairs.size ? `?${pairs}` : '';
}

/** The headers every question has. */
export const headers = (more = {}) => (key() ? { ...more, Authorization: `Bearer ${key()}` } : more);

async function problemOf(answer) {
    try {
        return await answer.json();
    } catch {
        return {};
    }
}

async function once(method, path, body, signal) {
    const patience = AbortSignal.timeout(PATIENCE_MS);
    const options = {
        method,
        cache: 'no-store', // an answer may be kept for a second; what has just changed must not come out of a cache
        headers: headers(body === undefined ? {} : { 'Content-Type': 'application/json' }),
        body: body === undefined ? undefined : JSON.stringify(body),
        signal: signal ? AbortSignal.any([signal, patience]) : patience,
    };
    let answer;
    try {
        answer = await fetch(path, options);
        if (answer.ok) return { ok: true, body: answer.status === 204 ? null : await answer.json() };
    } catch (error) {
        if (signal?.aborted) throw error;
        throw new Away();
    }
    return { ok: false, status: answer.status, problem: await problemOf(answer) };
}

/** Asks. Throws Refused, Away, or an AbortError when `signal` was aborted. Without a key that does it, asks for one, once. */
async function ask(method, path, body, signal) {
    let answer = await once(method, path, body, signal);
    if (!answer.ok && answer.status === 401 && await askForKey('This server wants a key. It stays in this tab and goes to this server only.')) {
        answer = await once(method, path, body, signal);
    }
    if (!answer.ok) throw new Refused(answer.status, answer.problem);
    return answer.body;
}

export const get = (path, parameters, { signal } = {}) => ask('GET', path + query(parameters), undefined, signal);

export const post = (path, body, { signal } = {}) => ask('POST', path, body, signal);

/** Refused with this status → undefined; everything else as it is. */
export async function unless(status, promise) {
    try {
        return await promise;
    } catch (error) {
        if (error instanceof Refused && error.status === status) return undefined;
        throw error;
    }
}

/** A segment of a path. */
export const segment = encodeURIComponent;
