// A map of stores drawn from where they are: no tiles, nobody is asked for anything. Distances from the middle and directions are right
// (azimuthal equidistant), so circles around you are circles of one distance.

import { arrange, element, replace, svg } from './dom.js';

const EARTH_KM = 6371.0088;
const STEPS_KM = [0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000];
const RING_PX = 74;
const BAR_PX = 64;
const MARGIN_PX = 44;
const PIN_PX = 13;
const NAME_MOST = 34; // letters
const NAME_PX = 8.2; // of one letter
const DRAG_PX = 4; // less is a click
const STEP_PARTS = 4; // of the map, by an arrow key

const radians = (degrees) => (degrees * Math.PI) / 180;

/** Kilometres east and south of `centre`. */
function project(centre, { latitude, longitude }) {
    const [a, b, l] = [radians(centre.latitude), radians(latitude), radians(longitude - centre.longitude)];
    const cosine = Math.sin(a) * Math.sin(b) + Math.cos(a) * Math.cos(b) * Math.cos(l);
    const angle = Math.acos(Math.min(1, Math.max(-1, cosine)));
    const stretch = angle < 1e-9 ? 1 : angle / Math.sin(angle);
    return {
        x: EARTH_KM * stretch * Math.cos(b) * Math.sin(l),
        y: -EARTH_KM * stretch * (Math.cos(a) * Math.sin(b) - Math.sin(a) * Math.cos(b) * Math.cos(l)),
    };
}

const kilometres = (km) => (km < 1 ? `${Math.round(km * 1000)} m` : `${Number(km.toFixed(1))} km`);
const atLeast = (km) => STEPS_KM.find((step) => step >= km) ?? 10000;

/** "Little Venice Sports Centre" in 16 letters: "Little Venice…" */
function shortened(name, most) {
    if (name.length <= most) return name;
    const cut = name.slice(0, most - 1);
    return `${cut.slice(0, Math.max(cut.lastIndexOf(' '), Math.floor(most / 2))).trimEnd()}…`;
}

/** The middle of all points and how far they reach. */
function extent(points) {
    const [xs, ys] = [points.map((p) => p.x), points.map((p) => p.y)];
    const [left, right, top, bottom] = [Math.min(...xs), Math.max(...xs), Math.min(...ys), Math.max(...ys)];
    return { x: (left + right) / 2, y: (top + bottom) / 2, width: Math.max(right - left, 0.4), height: Math.max(bottom - top, 0.4) };
}

/**
 * Draws into `figure`. `show({place, stores, others, selected})`: `stores` are numbered pins ({location, latitude, longitude, level, label}),
 * `others` are dots. `select(location)` is called when a pin is chosen.
 */
export function storeMap(figure, select) {
    const ground = svg('g', { 'aria-hidden': 'true' });
    const pins = svg('g', { role: 'group', 'aria-label': 'Stores on the map; the arrow keys go from one to the next' });
    const marks = svg('g', { 'aria-hidden': 'true', class: 'map-marks' });
    const drawing = svg('svg', { class: 'map-drawing', role: 'group', tabindex: '0', 'aria-label': 'Map: the arrow keys move it, plus and minus zoom, 0 shows all' },
        ground, pins, marks);
    const made = new Map(); // location → its pin
    let shown = null;
    let zoom = 1;
    let moved = { x: 0, y: 0 }; // kilometres, from the middle that is chosen by itself
    let scale = 1; // pixels a kilometre, as drawn last
    let held = null; // a pointer that is down: {id, x, y, drags}
    let focusable;

    const button = (name, sign, act) => element('button', { class: 'map-button', type: 'button', 'aria-label': name, on: { click: act } }, sign);
    const zoomBy = (factor) => {
        zoom = Math.min(64, Math.max(0.25, zoom * factor));
        draw();
    };
    const moveBy = (right, down) => { // pixels by which the middle moves
        moved = { x: moved.x + right / scale, y: moved.y + down / scale };
        draw();
    };
    const showAll = () => {
        zoom = 1;
        moved = { x: 0, y: 0 };
        draw();
    };
    replace(figure, drawing, element('div', { class: 'map-buttons' },
        button('Closer', '+', () => zoomBy(1.6)), button('Further away', '−', () => zoomBy(1 / 1.6)), button('Show all', '⤢', showAll)));

    /** Kilometres → pixels. */
    function view(width, height) {
        const you = { x: 0, y: 0 };
        const at = (store) => project(shown.place, store);
        const fit = extent([you, ...(shown.stores.length ? shown.stores : shown.others.slice(0, 8)).map(at)]);
        const fitting = Math.min((width - 2 * MARGIN_PX) / fit.width, (height - 2 * MARGIN_PX) / fit.height);
        const chosen = zoom > 1 ? shown.stores.find((store) => store.location === shown.selected) : undefined;
        const from = chosen ? at(chosen) : fit;
        scale = fitting * zoom;
        const within = (value, centre, length, pixels) => { // some of what there is to see stays in sight
            const most = length / 2 + (pixels / 2 - MARGIN_PX) / scale;
            return Math.min(centre + most, Math.max(centre - most, value));
        };
        const middle = { x: within(from.x + moved.x, fit.x, fit.width, width), y: within(from.y + moved.y, fit.y, fit.height, height) };
        moved = { x: middle.x - from.x, y: middle.y - from.y };
        return {
            scale,
            place: (store) => {
                const { x, y } = at(store);
                return { x: width / 2 + (x - middle.x) * scale, y: height / 2 + (y - middle.y) * scale };
            },
        };
    }

    function drawGround(width, height, { scale, place }) {
        const you = place(shown.place);
        const step = atLeast(RING_PX / scale);
        const reach = Math.hypot(Math.max(you.x, width - you.x), Math.max(you.y, height - you.y));
        const rings = [];
        for (let km = step; km * scale < reach && rings.length < 24; km += step) {
            const r = km * scale;
            rings.push(svg('circle', { class: 'map-ring', cx: you.x, cy: you.y, r }));
            if (you.y - r > 14) rings.push(svg('text', { class: 'map-ring-word', x: you.x, y: you.y - r + 4 }, kilometres(km)));
        }
        const dots = shown.others.map((store) => {
            const { x, y } = place(store);
            return svg('circle', { class: 'map-dot', cx: x, cy: y, r: 4 });
        });
        replace(ground, rings, dots);
    }

    function drawMarks(width, height, { scale, place }) {
        const you = place(shown.place);
        const bar = atLeast(BAR_PX / scale);
        const right = width - 16;
        const chosen = shown.stores.find((store) => store.location === shown.selected);
        replace(marks,
            svg('circle', { class: 'map-you-around', cx: you.x, cy: you.y, r: 14 }),
            svg('circle', { class: 'map-you', cx: you.x, cy: you.y, r: 6 }),
            svg('text', { class: 'map-you-word', x: you.x, y: you.y + 28 }, shown.place.word ?? 'You'),
            svg('path', { class: 'map-bar', d: `M${right - bar * scale} ${height - 22}v6h${bar * scale}v-6` }),
            svg('text', { class: 'map-bar-word', x: right, y: height - 28 }, kilometres(bar)),
            svg('path', { class: 'map-north', d: `M24 ${height - 40}l6 16-6-4-6 4z` }),
            svg('text', { class: 'map-north-word', x: 24, y: height - 10 }, 'N'),
            chosen && nameOf(chosen, width, height, place));
    }

    /** The name of a store beside its pin, where it covers least. */
    function nameOf(store, width, height, place) {
        const text = shortened(store.name, Math.min(NAME_MOST, Math.floor(width / (2 * NAME_PX))));
        const [half, { x, y }] = [(text.length * NAME_PX) / 2 + 6, place(store)];
        const taken = [shown.place, ...shown.stores, ...shown.others].filter((other) => other !== store).map(place);
        const spots = [[0, -24], [0, 36], [half + 22, 5], [-half - 22, 5]].map(([dx, dy]) => ({
            x: Math.min(width - half, Math.max(half, x + dx)), y: Math.min(height - 8, Math.max(18, y + dy)),
        }));
        const covered = (spot) => taken.filter((other) => Math.abs(other.x - spot.x) < half + PIN_PX && Math.abs(other.y - spot.y + 5) < 10 + PIN_PX).length
            + (Math.abs(x - spot.x) < half && Math.abs(y - spot.y + 5) < 10 + PIN_PX ? 10 : 0);
        const best = spots.reduce((a, b) => (covered(b) < covered(a) ? b : a));
        return svg('text', { class: 'map-name', x: best.x, y: best.y }, text);
    }

    function makePin(location) {
        const number = svg('text', { class: 'pin-number', dy: '0.36em' });
        const node = svg('g', { role: 'button', on: { click: () => select(location), keydown: (event) => go(event, location) } },
            svg('circle', { class: 'pin-halo', r: PIN_PX + 5 }), svg('circle', { class: 'pin-head', r: PIN_PX }), number);
        return { node, number };
    }

    function drawPins({ place }) {
        const locations = new Set(shown.stores.map((store) => store.location));
        for (const location of made.keys()) if (!locations.has(location)) made.delete(location);
        if (!locations.has(focusable)) focusable = shown.selected || shown.stores[0]?.location;
        const nodes = shown.stores.map((store, i) => {
            if (!made.has(store.location)) made.set(store.location, makePin(store.location));
            const { node, number } = made.get(store.location);
            const { x, y } = place(store);
            const selected = store.location === shown.selected;
            node.setAttribute('class', `pin ${store.level ?? ''}${selected ? ' selected' : ''}`);
            node.setAttribute('transform', `translate(${x} ${y})`);
            node.setAttribute('aria-pressed', String(selected));
            node.setAttribute('aria-label', `${i + 1}: ${store.label}`);
            node.setAttribute('tabindex', store.location === focusable ? '0' : '-1');
            number.textContent = i + 1;
            return node;
        });
        arrange(pins, nodes);
    }

    function draw() {
        const { clientWidth: width, clientHeight: height } = drawing;
        if (!shown || width <= 2 * MARGIN_PX || height <= 2 * MARGIN_PX) return;
        drawing.setAttribute('viewBox', `0 0 ${width} ${height}`);
        drawing.classList.toggle('zoomed', zoom > 1); // then a finger moves the map, else the page
        const seen = view(width, height);
        drawGround(width, height, seen);
        drawPins(seen);
        drawMarks(width, height, seen);
    }

    function go(event, location) {
        const steps = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 };
        if (event.key === 'Enter' || event.key === ' ') {
            event.preventDefault();
            select(location);
        } else if (event.key in steps) {
            event.preventDefault();
            const at = shown.stores.findIndex((store) => store.location === location);
            const next = shown.stores.at((at + steps[event.key]) % shown.stores.length);
            focusable = next.location;
            draw();
            made.get(next.location).node.focus();
        }
    }

    // ---- moving it ----

    function press(event) {
        if (event.isPrimary && event.button === 0) held = { id: event.pointerId, x: event.clientX, y: event.clientY, drags: false };
    }

    function drag(event) {
        if (held?.id !== event.pointerId) return;
        const [right, down] = [event.clientX - held.x, event.clientY - held.y];
        if (!held.drags && Math.hypot(right, down) < DRAG_PX) return;
        if (!held.drags) drawing.setPointerCapture(held.id); // also what happens outside is the map's, and the click is no pin's
        held = { id: held.id, x: event.clientX, y: event.clientY, drags: true };
        drawing.classList.add('dragged');
        moveBy(-right, -down);
    }

    function letGo() {
        held = null;
        drawing.classList.remove('dragged');
    }

    function steer(event) {
        if (event.target !== drawing || event.ctrlKey || event.metaKey || event.altKey) return;
        const { clientWidth: width, clientHeight: height } = drawing;
        const keys = {
            ArrowLeft: () => moveBy(-width / STEP_PARTS, 0), ArrowRight: () => moveBy(width / STEP_PARTS, 0),
            ArrowUp: () => moveBy(0, -height / STEP_PARTS), ArrowDown: () => moveBy(0, height / STEP_PARTS),
            '+': () => zoomBy(1.6), '=': () => zoomBy(1.6), '-': () => zoomBy(1 / 1.6), 0: showAll,
        };
        if (!(event.key in keys)) return;
        event.preventDefault();
        keys[event.key]();
    }

    for (const [type, act] of Object.entries({ pointerdown: press, pointermove: drag, pointerup: letGo, pointercancel: letGo, keydown: steer })) drawing.addEventListener(type, act);

    new ResizeObserver(draw).observe(drawing);

    return {
        show(what) {
            const elsewhere = shown && (what.place.latitude !== shown.place.latitude || what.place.longitude !== shown.place.longitude);
            if (elsewhere) zoom = 1;
            if (elsewhere || what.selected !== shown?.selected) moved = { x: 0, y: 0 };
            if (what.selected !== shown?.selected && what.selected) focusable = what.selected;
            shown = what;
            draw();
        },
    };
}
