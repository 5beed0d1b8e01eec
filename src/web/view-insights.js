// What channels asked for and did not find.

import { get, unless } from './api.js';
import { note } from './parts.js';

export async function show({ page, signal, heading }) {
    heading('Insights');
    const found = await unless(404, get('/v1/insights', {}, { signal }));
    if (!found) page.append(note('This server keeps no insights.'));
}
