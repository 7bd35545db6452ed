// What the pages do better with a script. Each of them works without.
"use strict";

// ask loads a page as a document: the browser parses it, no text becomes markup here.
function ask(method, url, body) {
	return new Promise((resolve, reject) => {
		const request = new XMLHttpRequest();
		request.open(method, url);
		request.responseType = "document";
		request.timeout = 75000;
		request.onload = () => request.response ? resolve(request.response) : reject(new Error("no page"));
		request.onerror = request.ontimeout = () => reject(new Error("no answer"));
		request.send(body || null);
	});
}

// replace puts another page's element in the place of this one's, and keeps what the
// reader has opened.
function replace(old, page) {
	const fresh = page.getElementById(old.id);
	if (!fresh) return false;
	prepare(fresh);
	if (old.dataset.liveUrl) fresh.dataset.liveUrl = old.dataset.liveUrl;
	const open = new Set(), shut = new Set();
	for (const d of old.querySelectorAll("details[id]")) (d.open ? open : shut).add(d.id);
	for (const d of fresh.querySelectorAll("details[id]")) {
		if (open.has(d.id)) d.open = true;
		if (shut.has(d.id)) d.open = false;
	}
	if (old.isEqualNode(fresh)) return true;
	const focused = old.contains(document.activeElement) && document.activeElement.closest("details[id]")?.id;
	// What is announced when it changes has to stay itself.
	if (old.ariaLive) old.replaceChildren(...fresh.childNodes);
	else old.replaceWith(document.adoptNode(fresh));
	if (focused) document.getElementById(focused)?.querySelector("summary").focus({preventScroll: true});
	return true;
}

// busy reports whether the reader is in the middle of something there. What was opened
// a moment ago has the focus, and gets it again.
function busy(element) {
	const selection = getSelection(), active = document.activeElement;
	return element.contains(active) && active !== document.body && !active.matches("details[id] > summary") ||
		!selection.isCollapsed && element.contains(selection.anchorNode);
}

// Parts of a page that change by themselves: data-live is how many seconds they stay.
const dueAt = new Map(); // by id
function live() {
	const now = Date.now(), ids = new Map(); // by address
	for (const {id, dataset} of document.querySelectorAll("[data-live]")) {
		if (!dueAt.has(id)) dueAt.set(id, now + dataset.live * 1000);
		if (dueAt.get(id) > now || busy(document.getElementById(id))) continue;
		const url = dataset.liveUrl || location.href;
		ids.set(url, [...(ids.get(url) || []), id]);
	}
	const work = [...ids].map(([url, ids]) => ask("GET", url).then(page => {
		for (const id of ids) {
			dueAt.delete(id);
			const old = document.getElementById(id);
			if (old && !busy(old)) replace(old, page);
		}
	}, () => ids.forEach(id => dueAt.set(id, Date.now() + 15000)))); // the server is away: not so often
	Promise.all(work).finally(() => setTimeout(waitForReader, 500));
}

function waitForReader() {
	if (document.hidden) document.addEventListener("visibilitychange", waitForReader, {once: true});
	else live();
}

// Forms whose answer belongs in one part of the page.
document.addEventListener("submit", event => {
	const form = event.target, id = form.dataset.swap;
	if (!id) return;
	event.preventDefault();
	const button = event.submitter || form.querySelector("button");
	if (button.getAttribute("aria-busy")) return;
	const text = button.textContent;
	button.setAttribute("aria-busy", "true");
	if (button.dataset.busy) button.textContent = button.dataset.busy;
	const done = () => {
		button.removeAttribute("aria-busy");
		button.textContent = text;
	};
	ask("POST", form.action, new URLSearchParams(new FormData(form))).then(page => {
		const place = document.getElementById(id), within = place.contains(document.activeElement);
		const replaced = replace(place, page);
		if (replaced && within && !place.isConnected) { // the button that was pressed is gone
			const now = document.getElementById(id);
			now.tabIndex = -1;
			now.focus();
		}
		if (!replaced) {
			const main = page.getElementById("main");
			if (!main) throw new Error("no page");
			prepare(main);
			document.getElementById("main").replaceWith(document.adoptNode(main));
			return;
		}
		done();
	}).catch(() => {
		done();
		form.submit();
	});
});

// Copy buttons.
document.addEventListener("click", event => {
	const button = event.target.closest("[data-copy]");
	if (!button) return;
	const text = document.getElementById(button.dataset.copy).textContent;
	navigator.clipboard.writeText(text).then(() => {
		const before = button.textContent;
		button.textContent = "Copied";
		setTimeout(() => { button.textContent = before; }, 1500);
	}, () => {});
});

// What a field for a time says in UTC, as the server has it, in the reader's zone, and
// the way back. Both have as many digits: to the minute, or to the second.
function toReader(text) {
	const time = new Date(text + "Z");
	return text && digits(new Date(time - time.getTimezoneOffset() * 60000), text);
}
const toServer = text => text && digits(new Date(text), text);
const digits = (time, text) => time.toISOString().slice(0, text.length);

// Times in the reader's own zone, and links that lead to the same place from wherever
// they are put: relative ones begin at the page that they came with.
const zoned = new Intl.DateTimeFormat(undefined, {dateStyle: "medium", timeStyle: "medium"});
function prepare(root) {
	for (const time of root.querySelectorAll("time[data-time]")) {
		const text = zoned.format(new Date(time.dateTime));
		if (time.dataset.time === "title") {
			time.title = text;
		} else {
			time.title = time.textContent;
			time.textContent = text;
		}
		delete time.dataset.time;
	}
	for (const field of root.querySelectorAll("input[type=datetime-local]")) {
		field.value = toReader(field.value);
		for (const utc of field.labels[0].querySelectorAll(".utc")) utc.remove();
		field.form.addEventListener("formdata", ({formData}) => formData.set(field.name, toServer(field.value)));
	}
	for (const link of root.querySelectorAll("a[href]")) link.href = link.href;
	for (const form of root.querySelectorAll("form[action]")) form.action = form.action;
	if (navigator.clipboard) for (const button of root.querySelectorAll("[data-copy]")) button.hidden = false;
}

// The picker of events: picking one means "only these", and a long list can be searched.
for (const picker of document.querySelectorAll("[data-picker]")) {
	const some = picker.closest("form").querySelector("input[name=scope][value=some]");
	picker.addEventListener("change", () => { some.checked = true; });
	picker.addEventListener("input", event => { if (event.target.name === "patterns") some.checked = true; });
	const groups = [...picker.querySelectorAll(".group")];
	if (picker.querySelectorAll(".event").length > 8) {
		const tools = document.createElement("div"), label = document.createElement("label"), input = document.createElement("input");
		tools.className = "picker-tools";
		label.textContent = "Find an event";
		label.htmlFor = input.id = "find-event";
		input.type = "search";
		input.addEventListener("input", event => {
			event.stopPropagation();
			const words = input.value.toLowerCase();
			for (const group of groups) {
				let any = false;
				for (const item of group.querySelectorAll(".event")) {
					item.hidden = !item.querySelector(".choice").textContent.toLowerCase().includes(words);
					any ||= !item.hidden;
				}
				group.hidden = !any;
			}
		});
		input.addEventListener("change", event => event.stopPropagation());
		input.addEventListener("keydown", event => { if (event.key === "Enter") event.preventDefault(); });
		tools.append(label, input);
		picker.prepend(tools);
	}
}

prepare(document);
setTimeout(waitForReader, 500);
