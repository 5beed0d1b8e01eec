// Locations and how fresh what they say is; groups of them.

import { get, segment, unless } from './api.js';
import { element, say, settled } from './dom.js';
import { all, at, card, duration, empty, faces, facts, flag, growing, linkTo, locationNames, note, place, scroll, since } from './parts.js';
import { sheet } from './sheet.js';
import { to } from './route.js';
import { quantity } from './words.js';

const DAYS = [['mo', 'Monday'], ['tu', 'Tuesday'], ['we', 'Wednesday'], ['th', 'Thursday'], ['fr', 'Friday'], ['sa', 'Saturday'], ['su', 'Sunday']];

const typeWord = (type = 'store') => type.replaceAll('_', ' ');

const spoken = (one) => [since(one.last_event_at), one.stale && flag('stale'), one.stale_since && element('span', { class: 'soft small' }, 'since ', at(one.stale_since)), one.enabled === false && flag('disabled')];

const freshness = (one) => ['Last spoke ', spoken(one), one.due_at && [' stale unless it speaks by ', at(one.due_at)], ' last counted ', since(one.last_count_at),
    one.last_full_count_at && [' all of it ', since(one.last_full_count_at)]].flat(2).filter(Boolean);

const columns = [
    { id: 'name', title: 'Location', head: true, value: (one) => one.name ?? one.id, cell: (one) => [linkTo(['locations', one.id], one.name ?? one.id), one.name && element('span', { class: 'id' }, one.id)] },
    { id: 'type', title: 'Type', value: (one) => typeWord(one.type), cell: (one) => (one.registered === false ? 'not registered' : typeWord(one.type)) },
    { id: 'address', title: 'Address', value: (one) => one.address ?? '' },
    { id: 'heard', title: 'Last spoke', value: (one) => one.last_event_at ?? '', cell: (one) => element('span', { class: 'badges' }, spoken(one)) },
    { id: 'counted', title: 'Last counted', value: (one) => one.last_count_at ?? '', cell: (one) => since(one.last_count_at) },
    { id: 'whole', title: 'All counted', value: (one) => one.last_full_count_at ?? '', cell: (one) => since(one.last_full_count_at) },
    { id: 'due', title: 'Stale by', meaning: 'When it becomes stale unless it speaks before', value: (one) => one.due_at ?? '', cell: (one) => at(one.due_at) },
    { id: 'silence', title: 'Silent after', number: true, value: (one) => one.stale_after_seconds ?? 0, cell: (one) => (one.stale_after_seconds ? duration(one.stale_after_seconds) : '–') },
];

async function list({ page, signal, parameters, heading, keep }) {
    let q = parameters.get('q') ?? '';
    heading('Locations');
    page.append(faces('Locations and groups', 'locations', [['locations', 'Locations', to(['locations'])], ['groups', 'Groups', to(['groups'])]]));
    const told = element('p', { class: 'soft', role: 'status' });
    const body = element('div', { class: 'framed' });
    const field = element('input', { class: 'input', type: 'search', value: q, autocomplete: 'off', placeholder: 'Name, address or id' });
    page.append(element('div', { class: 'filters' }, element('label', { class: 'field' }, 'Find', field)), told, body);

    async function load() {
        const rows = [];
        const table = sheet({ caption: 'Locations', columns, key: (one) => one.id, empty: 'No location is like that.', by: q ? '' : 'name' });
        const box = scroll('Locations', table.node);
        body.replaceChildren(box);
        await growing(box, async (after) => {
            const answer = await get('/v1/locations', { q, limit: 200, after }, { signal });
            rows.push(...answer.locations);
            table.show(rows);
            const silent = rows.filter((one) => one.stale).length;
            say(told, `${quantity(answer.found ?? rows.length)} ${(answer.found ?? rows.length) === 1 ? 'location' : 'locations'}${answer.next && answer.found === undefined ? ' so far' : ''}${silent ? `, ${silent} silent for too long` : ''}`);
            return { next: answer.next, count: answer.locations.length };
        }, signal);
    }

    field.addEventListener('input', settled(() => {
        q = field.value.trim();
        keep({ q });
        load().catch(() => {});
    }, 150));
    await load();
}

const hours = (rules, day) => rules.filter((rule) => rule.days.includes(day)).map((rule) => `${rule.opens}–${rule.closes}`).join(', ') || 'closed';

const opening = (one) => one.opening_hours && card('Opening hours', element('table', { class: 'table pairs' }, element('caption', { class: 'unseen' }, `Opening hours, ${one.time_zone}`),
    element('tbody', {}, DAYS.map(([day, name]) => element('tr', {}, element('th', { scope: 'row' }, name), element('td', { class: 'number' }, hours(one.opening_hours, day)))))),
one.exceptions?.length > 0 && element('ul', { class: 'plain small' }, one.exceptions.map((other) => element('li', {}, `${other.date}: ${other.closed ? 'closed' : `${other.opens}–${other.closes}`}`))),
element('p', { class: 'soft small' }, one.time_zone));

const method = ([name, said]) => element('tr', {}, element('th', { scope: 'row' }, name.replaceAll('_', ' ')), element('td', {},
    Object.entries(said).map(([what, value]) => `${what.replaceAll('_', ' ')} ${value}`).join(', ') || 'yes'));

const methods = (one) => one.methods && card('How it hands over', element('table', { class: 'table pairs' }, element('caption', { class: 'unseen' }, 'Methods'), element('tbody', {}, Object.entries(one.methods).map(method))));

async function single({ page, signal, segments: [id], heading, again }) {
    const h1 = heading(id);
    const one = await unless(404, get(`/v1/locations/${segment(id)}`, {}, { signal }));
    if (!one) {
        page.append(note('There is no such location.', 'warn'), linkTo(['locations'], 'All locations'));
        return;
    }
    say(h1, one.name || id);
    document.title = `${one.name || id} · onhand`;
    const fresh = element('p', { class: 'badges' }, freshness(one));
    const groups = (await all('/v1/groups', 'groups', {}, signal)).filter((group) => group.members.includes(id));
    page.append(fresh, facts([
        ['Id', id], ['Type', typeWord(one.type)], ['Address', one.address], ['GLN', one.gln], ['Place', one.latitude !== undefined && `${one.latitude}, ${one.longitude}`],
        ['Silent after', one.stale_after_seconds && `${duration(one.stale_after_seconds)} of opening time`], ['Who speaks for it', one.sources?.join(', ')],
        ['Returns', one.returns && 'taken'], ['Groups', groups.length > 0 && groups.map((group, i) => [i > 0 && ', ', linkTo(['groups', group.id], group.name || group.id)])],
        ['Supplies', one.lanes?.map((lane, i) => [i > 0 && ', ', linkTo(['locations', lane.to], `${lane.to} in ${lane.days} ${lane.days === 1 ? 'day' : 'days'}`)])],
        ['Known from', one.registered === false && 'events only: nobody has registered it'],
    ]), element('div', { class: 'columns' }, opening(one), methods(one)));
    again(async () => page.isConnected && fresh.replaceChildren(...freshness(await get(`/v1/locations/${segment(id)}`, {}, { signal }))));
}

async function groups({ page, signal, segments: [id], heading }) {
    heading(id ? `Group ${id}` : 'Groups');
    if (!id) page.append(faces('Locations and groups', 'groups', [['locations', 'Locations', to(['locations'])], ['groups', 'Groups', to(['groups'])]]));
    const [found, names] = await Promise.all([id ? get(`/v1/groups/${segment(id)}`, {}, { signal }).then((group) => [group]) : all('/v1/groups', 'groups', {}, signal), locationNames()]);
    const member = (one) => place(one, names, (text) => linkTo([names.has(one) ? 'locations' : 'groups', one], text));
    page.append(...found.map((group) => card(id ? group.name : linkTo(['groups', group.id], group.name || group.id),
        element('p', { class: 'soft small' }, `${group.id}, ${group.members.length} members`), element('ul', { class: 'members' }, group.members.map((one) => element('li', {}, member(one)))))));
    if (!found.length) page.append(empty('There is no group.'));
}

/** #/locations, #/locations/ID, #/groups, #/groups/ID */
export function show(on) {
    if (location.hash.startsWith('#/groups')) return groups(on);
    return on.segments[0] ? single(on) : list(on);
}
