// Follows GET /v1/changes. By fetch, not EventSource: that cannot send a key.

import { headers, query } from './api.js';

const AGAIN_MS = [1000, 2000, 4000, 8000, 15000];
const SILENCE_MS = 45000; // the server says something every 15 s, if only that it is there

/** Cuts a stream into events: {type, id, data}. */
function* events(state, text) {
    state.rest += text.replaceAll('\r\n', '\n');
    for (let end; (end = state.rest.indexOf('\n\n')) >= 0; state.rest = state.rest.slice(end + 2)) {
        const event = { type: 'message', data: '' };
        for (const line of state.rest.slice(0, end).split('\n')) {
            const colon = line.indexOf(':');
            const name = colon < 0 ? line : line.slice(0, colon);
            const value = colon < 0 ? '' : line.slice(colon + 1).replace(/^ /, '');
            if (name === 'event') event.type = value;
            if (name === 'id') state.id = value;
            if (name === 'data') event.data += value;
        }
        if (event.data) yield event;
    }
}

function parsed(text) {
    try {
        return JSON.parse(text);
    } catch {
        return undefined;
    }
}

/**
 * Calls `told(type, data)` for each change, and `state('live' | 'away')` when that changes. Comes back by itself and goes on where it
 * was. Returns a function that ends it.
 */
export function follow(parameters, told, state = () => {}) {
    const ended = new AbortController();
    const stream = { rest: '', id: '' };
    let failures = 0;
    let silence;

    async function listen() {
        const attempt = new AbortController();
        const stop = () => attempt.abort();
        const heard = () => {
            clearTimeout(silence);
            silence = setTimeout(stop, SILENCE_MS);
        };
        ended.signal.addEventListener('abort', stop);
        heard();
        try {
            const answer = await fetch(`/v1/changes${query(parameters)}`, {
                cache: 'no-store',
                headers: headers({ Accept: 'text/event-stream', ...(stream.id && { 'Last-Event-ID': stream.id }) }),
                signal: attempt.signal,
            });
            if (!answer.ok) throw new Error(`changes: ${answer.status}`);
            const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
            stream.rest = '';
            failures = 0;
            state('live');
            for (let piece; !(piece = await reader.read()).done;) {
                heard();
                for (const event of events(stream, piece.value)) told(event.type, parsed(event.data) ?? {});
            }
        } finally {
            clearTimeout(silence);
            ended.signal.removeEventListener('abort', stop);
        }
    }

    async function forEver() {
        while (!ended.signal.aborted) {
            await listen().catch(() => {});
            if (ended.signal.aborted) return;
            state('away');
            await new Promise((again) => {
                setTimeout(again, AGAIN_MS[Math.min(failures++, AGAIN_MS.length - 1)]);
            });
        }
    }

    forEver();
    return () => ended.abort();
}
