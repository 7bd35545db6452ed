#!/usr/bin/env bash
# deps.sh installs what the tests run against and is not there yet: redis-server,
# PostgreSQL, MariaDB, Chromium, node, npm and curl, and the npm packages of each
# package-lock.json. What is there is left alone. It needs apt-get, and root or
# sudo, only to install something.
set -euo pipefail
cd "$(dirname "$0")/.."

missing=()
redis=${OUTHOOK_REDIS_SERVER:-redis-server}
command -v "$redis" >/dev/null || missing+=(redis-server)
postgres() { # Debian does not have the server's programs on PATH
	find "${OUTHOOK_POSTGRES_BIN:-/nowhere}" /usr/lib/postgresql/*/bin $(command -v initdb) \
		-maxdepth 1 -name initdb 2>/dev/null | sort | tail -n 1
}
[[ $(postgres) ]] || missing+=(postgresql)
mysql() { # the server is where users have no PATH to
	PATH="${OUTHOOK_MYSQL_BIN:-$PATH:/usr/sbin}" command -v mariadbd mysqld | head -n 1
}
[[ $(mysql) ]] || missing+=(mariadb-server)
command -v "${OUTHOOK_CHROMIUM:-chromium}" >/dev/null || missing+=(chromium)
command -v node >/dev/null || missing+=(nodejs)
command -v npm >/dev/null || missing+=(npm)
command -v curl >/dev/null || missing+=(curl)

if ((${#missing[@]})); then
	give_up() {
		echo "deps: $1; install by other means: ${missing[*]}" >&2
		exit 1
	}
	as_root=()
	if [[ $(id -u) != 0 ]]; then
		command -v sudo >/dev/null || give_up "not root, and there is no sudo"
		as_root=(sudo -n)
	fi
	command -v apt-get >/dev/null || give_up "there is no apt-get"

	echo "deps: apt-get install ${missing[*]}"
	apt=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
	"${apt[@]}" update || give_up "apt-get update failed"
	"${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null || give_up "apt-get install failed"

	# The tests start servers of their own: end those that the packages started.
	for service in redis-server postgresql mariadb-server; do
		if [[ " ${missing[*]} " == *" $service "* ]]; then
			unit=${service/mariadb-server/mariadb} # Debian's package and its service differ in name
			"${as_root[@]}" systemctl disable --now "$unit" >/dev/null 2>&1 ||
				"${as_root[@]}" service "$unit" stop >/dev/null 2>&1 || true
		fi
	done
fi

echo "deps: $("$redis" --version | cut -d' ' -f1-3), $("$(postgres)" --version | sed -E 's/^initdb \((.*)\)( [0-9.]+).*/\1\2/'), $("$(mysql)" --version | sed -E 's/^.* Ver ([^ ]+) .*/\1/'), $("${OUTHOOK_CHROMIUM:-chromium}" --version 2>/dev/null | cut -d' ' -f1-2), node $(node --version), npm $(npm --version)"

while IFS= read -r lock; do
	dir=$(dirname "$lock")
	if [[ ! $dir/node_modules/.package-lock.json -nt $lock ]]; then
		echo "deps: npm ci in $dir"
		(cd "$dir" && npm ci --no-audit --no-fund --loglevel=error </dev/null)
	fi
done < <(find . -name package-lock.json -not -path '*/node_modules/*')
