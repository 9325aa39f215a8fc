#!/usr/bin/env bash
# An archive moves on: `lock --check` says what is pending, `lock --update` takes all of it, what security suites have, or
# what is named, and prints what changed; a build with a stale lock keeps what it can and says what it changed.
. "$(dirname "$0")/../support/e2e.sh"
spec='Package: other\nVersion: 1.0\n'
printf "$spec" | archive archive --date "$(($(date +%s) - 3600))"
serve archive
write_recipe web "{name: tools, packages: [greeter, other]}"
echo 'policy: {refresh: {security: 7d}}' >>web.yaml
exits 3 blueprint lock web.yaml --check
err_has "web.lock.yaml does not exist [K020]"
ok blueprint lock web.yaml
out_is web.lock.yaml
cp web.lock.yaml first.lock.yaml
ok blueprint lock web.yaml --check
out_has "1 hour ago"
out_has "no updates are pending"

news='\nPackage: other\nVersion: 2.0\nPocket: updates\n\nPackage: libgreeter\nVersion: 1.1.1\nPocket: security\n'
printf "$spec$news" | archive archive --date "$(date +%s)"
ok blueprint lock web.yaml --check
out_has "pending: 2 upgraded (1 for security)"
grep -Eq '^libgreeter +1.1 +1.1.1 +noble-security +security$' out || fail "the pending security update is not in the table"
grep -Eq '^other +1.0 +2.0 +noble-updates *$' out || fail "the pending update is not in the table"
ok blueprint lock web.yaml --check --json
same "$(json '[(c["package"], c["from"], c["to"], c["suite"], c["security"]) for c in j["pending"]]')" \
  "[('libgreeter', '1.1', '1.1.1', 'noble-security', True), ('other', '1.0', '2.0', 'noble-updates', False)]"
same "$(json 'j["stale"], j["age_seconds"] // 3600')" "(False, 1)"
cmp web.lock.yaml first.lock.yaml || fail "a check wrote the lock"
# Without the network it says what it can know, and asks nobody.
: >requests
ok blueprint lock web.yaml --check --offline
out_has "pending updates are not known: the network may not be used"
same "$(cat requests)" ""

ok blueprint lock web.yaml --update=security
out_has '- upgraded `libgreeter` 1.1 → 1.1.1 (noble-security, security'
! grep -q other out || fail "an update for security touched another package"
cp first.lock.yaml web.lock.yaml
ok blueprint lock web.yaml --update=other --json
same "$(json '[(c["change"], c["package"], c["to"]) for c in j["changes"]]')" "[('upgraded', 'other', '2.0')]"
cp first.lock.yaml web.lock.yaml
ok blueprint lock --update web.yaml
out_has "2 upgraded (1 for security);"
ok blueprint lock web.yaml --check
out_has "no updates are pending"
exits 3 blueprint lock web.yaml --update=othr
err_has "has no package 'othr' to update [K023]"
err_has "did you mean 'other'"
exits 2 blueprint lock web.yaml --update --check
err_has "U019"

# A recipe that asks for more: what the lock has stays, and nothing changes silently.
cp first.lock.yaml web.lock.yaml
sed -i 's/\[greeter, other\]/[greeter, other, large]/' web.yaml
exits 3 blueprint lock web.yaml --check
err_has "web.lock.yaml is stale: the recipe's distribution or packages changed [K020]"
err_has "run 'blueprint lock web.yaml' and commit the file"
exits 3 blueprint build web.yaml --locked
err_has "is stale: the recipe's distribution or packages changed [K020]"
ok blueprint lock web.yaml
err_has "rewrote web.lock.yaml: the recipe's distribution or packages changed; 1 package changed"
err_has "+ large 1.0"
grep -q 'name: other, version: "1.0"' web.lock.yaml || fail "a package moved that nobody asked to"

# What the archive has no more cannot be kept.
printf 'Package: other\nVersion: 3.0\n' | archive archive
ok blueprint lock web.yaml --update=libgreeter
out_has '- upgraded `other` 1.0 → 3.0 (noble, the archive has the older version no more)'

# A lock that is too old for the policy, and one edited by hand.
printf "$spec" | archive old --date "$(($(date +%s) - 12 * 86400))"
serve old
rm web.lock.yaml
ok blueprint lock web.yaml
exits 3 blueprint lock web.yaml --check
err_has "it is 12 days old, and the recipe's policy wants security updates every 7 days [K020]"
err_has "run 'blueprint lock web.yaml --update' and commit the file"
exits 3 blueprint lock web.yaml --check --offline --json
same "$(json 'j["stale"], len(j["reasons"]), j["pending"]')" "(True, 1, None)"
sed -i '/name: other/s/repo: [0-9]/repo: 7/' web.lock.yaml
line=$(grep -n 'name: other' web.lock.yaml | cut -d: -f1)
exits 3 blueprint build web.yaml
err_has "web.lock.yaml:$line:"
err_has "the lock has no repository number 7: it lists 3 [K006]"
ok blueprint lock web.yaml --update
out_has "made web.lock.yaml"
