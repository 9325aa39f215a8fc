// The table of the recipe language, bottom up: words, then objects, then the two kinds of file. It is long because the
// language is; it holds no code.

#include "builder/recipe/language.h"

#include <array>

namespace blueprint::recipe {
namespace {

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kTiB = std::int64_t{1} << 40;

// Words.

constexpr Type kText{.expects = "a text"};
constexpr Type kNonEmpty{.expects = "a text that is not empty", .pattern = "[\\s\\S]"};
constexpr Type kScalar{.form = Form::Scalar, .expects = "a text, a number, true or false"};
constexpr Type kBoolean{.form = Form::Boolean, .expects = "true or false"};
constexpr Type kMode{
    .form = Form::Mode, .expects = "a quoted octal mode such as \"0644\"", .pattern = "^0?[0-7]{3,4}$"};
constexpr Type kCopyMode{.form = Form::Mode,
                         .expects = "a quoted octal mode such as \"0644\", or changes of it such as u=rwX,go=rX",
                         .pattern = "^(0?[0-7]{3,4}|[ugoa]*([-+=][rwxXst]*)+(,[ugoa]*([-+=][rwxXst]*)+)*)$"};
constexpr Type kRegex{.form = Form::Regex, .expects = "a regular expression"};
constexpr Type kRecipeName{.expects = "lower-case words joined by '-', '.', '_' or '/', such as acme/agent-base",
                           .pattern = "^[a-z0-9]+([._-]+[a-z0-9]+)*(/[a-z0-9]+([._-]+[a-z0-9]+)*)*$"};
constexpr Type kLayerName{
    .expects = "a lower-case word such as dev-tools (letters, digits, '.', '_', '-'; at most 100)",
    .pattern = "^[a-z0-9][a-z0-9._-]{0,99}$"};
constexpr Type kReference{.expects = "a recipe, an image of the store, oci://IMAGE or scratch, without spaces",
                          .pattern = "^\\S+$"};
constexpr Type kFilePath{.expects = "an absolute path without '.', '..' or '/' at its end, such as /etc/motd",
                         .pattern = "^(?!.*/\\.\\.?(/|$))(/[^/\\x00-\\x1f]+)+$"};
constexpr Type kDirectoryPath{.expects = "an absolute path without '.', '..' or '/' at its end, such as /opt/app",
                              .pattern = "^(/|(?!.*/\\.\\.?(/|$))(/[^/\\x00-\\x1f]+)+)$"};
constexpr Type kTargetPath{
    .expects = "an absolute path without '.' or '..', such as /opt/app, or /opt/bin/ for a file that goes into it",
    .pattern = "^(/|(?!.*/\\.\\.?(/|$))(/[^/\\x00-\\x1f]+)+/?)$"};
constexpr Type kRelativePath{.expects = "a path relative to the recipe's directory, such as ./app",
                             .pattern = "^(?!/)[^\\x00-\\x1f]+$"};
constexpr Type kImagePath{.expects = "an absolute path without '.', '..' or '/' at its end, such as /usr/bin/tool",
                          .pattern = "^(/|(?!.*/\\.\\.?(/|$))(/[^/\\x00-\\x1f]+)+)$"};
constexpr Type kCacheName{.expects = "a text of at most 200 characters, such as pip or /root/.cache/pip",
                          .pattern = "^[^\\x00-\\x1f]{1,200}$"};
constexpr Type kGlob{.expects = "a pattern of paths such as **/.git", .pattern = "^[^\\x00-\\x1f]+$"};
constexpr Type kOwner{.expects = "USER, USER:GROUP, or their numbers as a quoted text",
                      .pattern = "^[a-z0-9_][a-z0-9_-]{0,31}(:[a-z0-9_][a-z0-9_-]{0,31})?$"};
constexpr Type kAccount{
    .expects = "a lower-case name of at most 32 letters, digits, '_' and '-', or a number as a quoted text",
    .pattern = "^[a-z0-9_][a-z0-9_-]{0,31}$"};
constexpr Type kAccountName{
    .expects = "a name of at most 32 lower-case letters, digits, '_' and '-' that starts with a letter or '_'",
    .pattern = "^[a-z_][a-z0-9_-]{0,31}$"};
constexpr Type kPackageWord{
    .expects = "a package as apt names it: curl, nodejs=18.*, git/noble-updates, libc6:amd64, vim-",
    .pattern = "^[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?(=[A-Za-z0-9.+:~*-]+|/[A-Za-z0-9._-]+)?$"};
constexpr Type kUnit{
    .expects = "a systemd unit with its suffix, such as docker.service",
    .pattern = "^[A-Za-z0-9:_.@\\\\-]+\\.(service|socket|timer|target|path|mount|automount|swap|slice|scope|device)$"};
constexpr Type kEnvName{.expects = "a name of letters, digits and '_' that does not start with a digit",
                        .pattern = "^[A-Za-z_][A-Za-z0-9_]*$"};
constexpr Type kParamName{.expects = "a lower-case name of letters, digits and '_'",
                          .pattern = "^[a-z][a-z0-9_]{0,63}$"};
constexpr Type kLabelName{.expects = "words of letters and digits joined by '.', '-', '_' or '/'",
                          .pattern = "^[A-Za-z0-9]+([._/-]+[A-Za-z0-9]+)*$"};
constexpr Type kSecretName{.expects = "a name of at most 64 letters, digits, '.', '_' and '-'",
                           .pattern = "^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$"};
constexpr Type kUrl{.expects = "a URL that starts with https:// or http://", .pattern = "^https?://[^\\s/]+[^\\s]*$"};
constexpr Type kSha256{.expects = "64 lower-case hexadecimal digits", .pattern = "^[0-9a-f]{64}$"};
constexpr Type kRelease{.expects = "a release's code name, such as noble or bookworm", .pattern = "^[a-z][a-z0-9.-]*$"};
constexpr Type kArchiveWord{.expects = "a word of an apt source, such as main",
                            .pattern = "^[A-Za-z0-9][A-Za-z0-9._/~+-]*$"};
constexpr Type kSuite{.expects = "a suite such as stable, or '/' for a repository without suites",
                      .pattern = "^(/|[A-Za-z0-9][A-Za-z0-9._/~+-]*)$"};
constexpr Type kSnapshot{.expects = "a time such as 20260801T000000Z", .pattern = "^[0-9]{8}T[0-9]{6}Z$"};
constexpr Type kAge{.expects = "a number of hours, days or weeks such as 12h, 7d or 4w",
                    .pattern = "^[1-9][0-9]{0,4}[hdw]$"};
constexpr Type kPort{.form = Form::Integer, .expects = "a port", .min = 1, .max = 65535};
constexpr Type kId{.form = Form::Integer, .expects = "a number", .min = 1, .max = 4294967294};
constexpr Type kCpu{.form = Form::Integer, .expects = "a number of processors", .min = 1, .max = 512};
constexpr Type kGpus{.form = Form::Integer, .expects = "a number of GPUs", .min = 0, .max = 16};
constexpr Type kStrip{.form = Form::Integer, .expects = "a number of leading directories", .min = 0, .max = 64};
constexpr Type kExitCode{.form = Form::Integer, .expects = "an exit code", .min = 0, .max = 255};
constexpr Type kInteger{.form = Form::Integer, .expects = "a whole number", .min = INT64_MIN, .max = INT64_MAX};
constexpr Type kMemory{.form = Form::Size, .expects = "a size such as 4GiB", .min = 64 * kMiB, .max = 16 * kTiB};
constexpr Type kDisk{.form = Form::Size, .expects = "a size such as 20GiB", .min = 16 * kMiB, .max = 64 * kTiB};
constexpr Type kTmpfsSize{.form = Form::Size, .expects = "a size such as 64MiB", .min = 4096, .max = 16 * kTiB};
constexpr Type kImageSize{.form = Form::Size, .expects = "a size such as 8GiB", .min = kMiB, .max = 64 * kTiB};

constexpr std::array<std::string_view, 1> kVersions{kApiVersion};
constexpr Type kVersion{.expects = "'blueprint/v1'", .values = kVersions};
constexpr std::array<std::string_view, 1> kRecipeKinds{"recipe"};
constexpr Type kRecipeKind{.expects = "'recipe'", .values = kRecipeKinds};
constexpr std::array<std::string_view, 1> kFragmentKinds{"fragment"};
constexpr Type kFragmentKind{.expects = "'fragment'", .values = kFragmentKinds};
constexpr std::array<std::string_view, 2> kDistributions{"debian", "ubuntu"};
constexpr Type kDistributionId{.expects = "a distribution", .values = kDistributions};
constexpr std::array<std::string_view, 2> kArchitectures{"x86_64", "amd64"};
constexpr Type kArchitecture{.expects = "an architecture", .values = kArchitectures};
constexpr std::array<std::string_view, 4> kPockets{"release", "updates", "security", "backports"};
constexpr Type kPocket{.expects = "a pocket", .values = kPockets};
constexpr std::array<std::string_view, 2> kVariants{"minimal", "standard"};
constexpr Type kVariant{.expects = "a variant", .values = kVariants};
constexpr std::array<std::string_view, 2> kNetworks{"none", "host"};
constexpr Type kNetwork{.expects = "'none' or 'host'", .values = kNetworks};
constexpr std::array<std::string_view, 2> kSudoRules{"nopasswd", "none"};
constexpr Type kSudo{.expects = "'nopasswd' or 'none'", .values = kSudoRules};
constexpr std::array<std::string_view, 3> kParamTypes{"string", "int", "bool"};
constexpr Type kParamType{.expects = "a type", .values = kParamTypes};
constexpr std::array<std::string_view, 2> kUpdateClasses{"security", "all"};
constexpr Type kUpdateClass{.expects = "'security' or 'all'", .values = kUpdateClasses};

constexpr Type kCommands{.form = Form::List, .expects = "a list of commands", .item = &kNonEmpty};
constexpr Type kWords{.form = Form::List, .expects = "a list of words", .item = &kArchiveWord, .unique = true};
constexpr Type kSuites{.form = Form::List, .expects = "a list of suites", .item = &kSuite, .unique = true};
constexpr Type kGlobs{.form = Form::List, .expects = "a list of patterns", .item = &kGlob, .unique = true};
constexpr Type kAccounts{.form = Form::List, .expects = "a list of names", .item = &kAccountName, .unique = true};
constexpr Type kUnits{.form = Form::List, .expects = "a list of systemd units", .item = &kUnit, .unique = true};
constexpr Type kPorts{.form = Form::List, .expects = "a list of ports", .item = &kPort, .unique = true};
constexpr Type kPocketList{.form = Form::List, .expects = "a list of pockets", .item = &kPocket, .unique = true};
constexpr Type kSecretNames{
    .form = Form::List, .expects = "a list of names of secrets", .item = &kSecretName, .unique = true};
constexpr Type kSshAgents{
    .form = Form::List, .expects = "a list of names of SSH agents", .item = &kSecretName, .unique = true};
constexpr Type kScalars{.form = Form::List, .expects = "a list of values", .item = &kScalar};
constexpr Type kEnv{.form = Form::Dictionary, .expects = "a map of names to texts", .item = &kText, .key = &kEnvName};
constexpr Type kLabels{
    .form = Form::Dictionary, .expects = "a map of names to texts", .item = &kText, .key = &kLabelName};
constexpr Type kArguments{
    .form = Form::Dictionary, .expects = "a map of params to values", .item = &kScalar, .key = &kParamName};
constexpr Type kRefresh{
    .form = Form::Dictionary, .expects = "a map of 'security' or 'all' to an age", .item = &kAge, .key = &kUpdateClass};

// The base of a recipe.

constexpr Key kRepositoryKeys[] = {
    {"uri", &kUrl, "Where the repository is.", Need::Required},
    {"suites", &kSuites, "Suites of the repository; '/' or a directory with '/' at its end is a flat one.",
     Need::Required},
    {"components", &kWords, "Components of each suite.", Need::Required},
    {"key", &kRelativePath,
     "A keyring beside the recipe, or the fingerprint (40 digits) of a key in the keyrings of the building machine.",
     Need::Required},
};
constexpr Object kRepository{"repository", "A third-party apt repository.", kRepositoryKeys};
constexpr Type kRepositoryType{
    .form = Form::Object, .expects = "a map with uri, suites, components and key", .object = &kRepository};
constexpr Type kRepositories{.form = Form::List, .expects = "a list of repositories", .item = &kRepositoryType};

constexpr Key kDistributionKeys[] = {
    {"id", &kDistributionId, "The distribution.", Need::Required},
    {"release", &kRelease, "Code name of the release.", Need::Required},
    {"architecture", &kArchitecture, "Architecture of the image.", Need::Optional, "\"x86_64\""},
    {"components", &kWords, "Components of the archive; by default main and universe for Ubuntu, main for Debian."},
    {"pockets", &kPocketList, "Suites of the release that packages come from.", Need::Optional,
     "[\"release\", \"updates\", \"security\"]"},
    {"variant", &kVariant,
     "What is installed at first: essential packages and apt, or also those of priority required and important.",
     Need::Optional, "\"minimal\""},
    {"snapshot", &kSnapshot, "State of the archive to build from, where the mirror keeps snapshots."},
    {"keyring", &kRelativePath,
     "Keyring beside the recipe that signs the archive; by default the distribution's own, from the host."},
    {"repositories", &kRepositories, "Further apt repositories.", Need::Optional, "[]"},
};
constexpr Object kDistribution{"distribution", "A distribution to bootstrap from its packages.", kDistributionKeys};
constexpr Type kDistributionType{
    .form = Form::Object, .expects = "a map with id and release", .object = &kDistribution};

// Layers.

constexpr Key kFileKeys[] = {
    {"path", &kFilePath, "Where the file is in the image.", Need::Required},
    {"content", &kText, "What the file holds.", Need::Required},
    {"mode", &kMode, "Permission bits as quoted octal digits.", Need::Optional, "\"0644\""},
    {"owner", &kOwner, "User that owns the file, or USER:GROUP.", Need::Optional, "\"root\""},
    {"group", &kAccount, "Group of the file; by default the owner's own."},
};
constexpr Object kFile{"file", "A file whose content stands in the recipe.", kFileKeys};
constexpr Type kFileType{.form = Form::Object, .expects = "a map with path and content", .object = &kFile};
constexpr Type kFiles{
    .form = Form::List, .expects = "a list of files", .item = &kFileType, .unique_by = "path", .item_word = "file"};

constexpr std::array<std::string_view, 2> kCopySources{"from", "image"};
constexpr Key kCopyKeys[] = {
    {"from", &kRelativePath, "File or directory, relative to the directory of the file that says it."},
    {"image", &kReference, "An image to copy from instead: whatever the recipe's own 'from' could say."},
    {"path", &kImagePath, "File or directory of the image; may be a pattern such as /app/*.jar.", Need::Optional,
     "\"/\"", "image"},
    {"to", &kTargetPath,
     "What the copy is called in the image: the contents of a directory go into it; a file goes into it when it ends "
     "in '/'.",
     Need::Required},
    {"owner", &kOwner, "User that owns every copied file, or USER:GROUP; by default root, and of an image as there."},
    {"group", &kAccount, "Group of every copied file; by default the owner's own."},
    {"mode", &kCopyMode, "Permission bits of every copied file; by default those of the source."},
    {"include", &kGlobs, "Patterns of paths to copy, with what is below them, and nothing else; by default all.",
     Need::Optional, "[]"},
    {"exclude", &kGlobs, "Patterns of paths to leave out, relative to the source; '**' spans directories.",
     Need::Optional, "[]"},
    {"unpack", &kBoolean, "Copy what is in the archive 'from' (tar, zip; any compression) instead of the archive.",
     Need::Optional, "false", "from"},
};
constexpr Object kCopy{"copy", "Files from beside the recipe, or of another image.", kCopyKeys, kCopySources};
constexpr Type kCopyType{.form = Form::Object, .expects = "a map with from and to", .object = &kCopy};

constexpr Key kBindKeys[] = {
    {"from", &kRelativePath, "File or directory, relative to the directory of the file that says it."},
    {"image", &kReference, "An image that has it instead."},
    {"path", &kImagePath, "File or directory of the image.", Need::Optional, "\"/\"", "image"},
    {"to", &kDirectoryPath, "Where the script sees it.", Need::Required},
    {"exclude", &kGlobs, "Patterns of paths to leave out, relative to the source.", Need::Optional, "[]"},
};
constexpr Object kBind{"bind", "Files that only the script sees.", kBindKeys, kCopySources};
constexpr Type kBindType{.form = Form::Object, .expects = "a map with from and to", .object = &kBind};
constexpr Type kBinds{.form = Form::List,
                      .expects = "a list of files to see",
                      .item = &kBindType,
                      .unique_by = "to",
                      .item_word = "bind"};

constexpr Key kCacheKeys[] = {
    {"path", &kFilePath, "Where the script sees it.", Need::Required},
    {"id", &kCacheName, "Its name: layers that say the same share it; by default the path."},
};
constexpr Object kCache{"cache", "A directory that outlives the script and is in no layer.", kCacheKeys};
constexpr Type kCacheType{.form = Form::Object, .expects = "a map with path", .object = &kCache};
constexpr Type kCaches{
    .form = Form::List, .expects = "a list of caches", .item = &kCacheType, .unique_by = "path", .item_word = "cache"};

constexpr Key kTmpfsKeys[] = {
    {"path", &kFilePath, "Where the script sees it.", Need::Required},
    {"size", &kTmpfsSize, "How much it holds at most; by default half of the machine's memory."},
};
constexpr Object kTmpfs{"tmpfs", "An empty directory in memory.", kTmpfsKeys};
constexpr Type kTmpfsType{.form = Form::Object, .expects = "a map with path", .object = &kTmpfs};
constexpr Type kTmpfsList{.form = Form::List,
                          .expects = "a list of directories in memory",
                          .item = &kTmpfsType,
                          .unique_by = "path",
                          .item_word = "tmpfs"};

constexpr Key kFetchKeys[] = {
    {"url", &kUrl, "What to download.", Need::Required},
    {"sha256", &kSha256, "SHA-256 of the downloaded bytes.", Need::Required},
    {"to", &kDirectoryPath, "What the file is called in the image, or the directory to unpack into.", Need::Required},
    {"unpack", &kBoolean, "Unpack an archive (tar, zip; any compression) instead of keeping it.", Need::Optional,
     "false"},
    {"strip", &kStrip, "Leading directories to drop from the names in the archive.", Need::Optional, "0"},
    {"mode", &kMode, "Permission bits of a file that is not unpacked."},
    {"owner", &kOwner, "User that owns the file or every unpacked file, or USER:GROUP.", Need::Optional, "\"root\""},
};
constexpr Object kFetch{"fetch", "A file or an archive from the network, pinned by its digest.", kFetchKeys};
constexpr Type kFetchType{.form = Form::Object, .expects = "a map with url, sha256 and to", .object = &kFetch};

constexpr Key kUserKeys[] = {
    {"name", &kAccountName, "Name of the account.", Need::Required},
    {"uid", &kId, "Number of the account; by default the next free one."},
    {"gid", &kId, "Number of the account's own group; by default the next free one."},
    {"groups", &kAccounts, "Further groups, made when they are missing.", Need::Optional, "[]"},
    {"shell", &kFilePath, "Login shell.", Need::Optional, "\"/bin/bash\""},
    {"home", &kFilePath, "Home directory; by default /home/NAME."},
    {"sudo", &kSudo, "'nopasswd' lets the account use sudo without a password.", Need::Optional, "\"none\""},
    {"system", &kBoolean, "An account for a service, with a number below 1000.", Need::Optional, "false"},
};
constexpr Object kUser{"user", "An account.", kUserKeys};
constexpr Type kUserType{.form = Form::Object, .expects = "a map with name", .object = &kUser};
constexpr Type kUsers{
    .form = Form::List, .expects = "a list of accounts", .item = &kUserType, .unique_by = "name", .item_word = "user"};

constexpr Key kServicesKeys[] = {
    {"enable", &kUnits, "Units that start at boot.", Need::Optional, "[]"},
    {"disable", &kUnits, "Units that do not start at boot.", Need::Optional, "[]"},
    {"mask", &kUnits, "Units that cannot be started at all.", Need::Optional, "[]"},
};
constexpr Object kServices{"services", "systemd units to enable, disable or mask.", kServicesKeys};
constexpr Type kServicesType{
    .form = Form::Object, .expects = "a map with enable, disable or mask", .object = &kServices};
constexpr Type kPackages{.form = Form::List, .expects = "a list of packages", .item = &kPackageWord, .unique = true};

constexpr std::array<std::string_view, 8> kLayerKinds{"packages", "files", "copy",     "fetch",
                                                      "run",      "users", "services", "use"};
constexpr Key kLayerKeys[] = {
    {"name", &kLayerName, "Name of the layer; by default its kind and number, such as packages-1."},
    {"packages", &kPackages, "Packages to install, in apt's own words."},
    {"recommends", &kBoolean, "Install recommended packages too.", Need::Optional, "false", "packages"},
    {"files", &kFiles, "Files whose content stands here."},
    {"copy", &kCopyType, "Files from beside the recipe, or of another image."},
    {"fetch", &kFetchType, "A file or an archive from the network, pinned by its digest."},
    {"users", &kUsers, "Accounts to make."},
    {"services", &kServicesType, "systemd units to enable, disable or mask."},
    {"use", &kRecipeName, "A fragment of the catalog, whose layers stand in for this one."},
    {"with", &kArguments, "Values for the fragment's params.", Need::Optional, "{}", "use"},
    {"run", &kNonEmpty, "A shell script, run by /bin/sh -e."},
    {"network", &kNetwork, "Network of the script.", Need::Optional, "\"none\"", "run"},
    {"user", &kOwner, "User that runs the script, or USER:GROUP.", Need::Optional, "\"root\"", "run"},
    {"workdir", &kDirectoryPath, "Working directory of the script.", Need::Optional, "\"/\"", "run"},
    {"env", &kEnv, "Environment of the script.", Need::Optional, "{}", "run"},
    {"secrets", &kSecretNames, "Secrets that the script may read in /run/secrets.", Need::Optional, "[]", "run"},
    {"ssh", &kSshAgents, "SSH agents that the script may ask, by the names that the build's --ssh gives them.",
     Need::Optional, "[]", "run"},
    {"tmpfs", &kTmpfsList, "Empty directories in memory, gone with the script.", Need::Optional, "[]", "run"},
    {"caches", &kCaches, "Directories that outlive the script and are in no layer.", Need::Optional, "[]", "run"},
    {"binds", &kBinds, "Files that only the script sees.", Need::Optional, "[]", "run"},
};
constexpr Object kLayer{"layer", "One step on the way to the image.", kLayerKeys, kLayerKinds};
constexpr Type kLayerType{.form = Form::Object, .expects = "a map such as {packages: [curl]}", .object = &kLayer};
constexpr Type kLayers{.form = Form::List,
                       .expects = "a list of layers",
                       .item = &kLayerType,
                       .unique_by = "name",
                       .item_word = "layer",
                       .boundary = true};

// What stands beside the layers.

constexpr Key kLaunchKeys[] = {
    {"cpu", &kCpu, "Virtual processors."},
    {"memory", &kMemory, "Memory."},
    {"disk", &kDisk, "Size of the root filesystem."},
    {"gpu", &kGpus, "GPUs of the host that are handed over as PCI devices; the host binds them to vfio-pci."},
    {"ports", &kPorts, "TCP ports of the sandbox that are forwarded to the host's loopback.", Need::Optional, "[]"},
    {"commands", &kCommands, "Commands that run when a sandbox starts.", Need::Optional, "[]"},
};
constexpr Object kLaunch{"launch", "Defaults for sandboxes; not part of any layer's key.", kLaunchKeys};
constexpr Type kLaunchType{.form = Form::Object, .expects = "a map such as {cpu: 2, memory: 4GiB}", .object = &kLaunch};

constexpr Key kTestKeys[] = {
    {"run", &kNonEmpty, "A shell script, run by /bin/sh -e.", Need::Required},
    {"expect", &kRegex, "Regular expression (RE2) to find in its standard output."},
    {"exit_code", &kExitCode, "Exit code that the script must have.", Need::Optional, "0"},
};
constexpr Object kTest{"test", "A check of the finished image, run in a throwaway overlay.", kTestKeys};
constexpr Type kTestType{.form = Form::Object, .expects = "a map with run", .object = &kTest};
constexpr Type kTests{
    .form = Form::List, .expects = "a list of tests", .item = &kTestType, .item_word = "test", .boundary = true};

constexpr Key kParamKeys[] = {
    {"type", &kParamType, "Type of its values.", Need::Optional, "\"string\""},
    {"default", &kScalar, "Value when none is given; without it the param must be given."},
    {"enum", &kScalars, "The values it may have."},
    {"pattern", &kRegex, "Regular expression that a string must match as a whole."},
    {"min", &kInteger, "Smallest int."},
    {"max", &kInteger, "Largest int."},
    {"description", &kText, "What it is for.", Need::Optional, "\"\""},
};
constexpr Object kParam{"param", "A value that whoever uses the file may choose.", kParamKeys};
constexpr Type kParamDeclaration{
    .form = Form::Object, .expects = "a map such as {type: string, default: x}", .object = &kParam};
constexpr Type kParams{
    .form = Form::Dictionary, .expects = "a map of names to params", .item = &kParamDeclaration, .key = &kParamName};

constexpr std::array<std::string_view, 3> kSecretSources{"env", "file", "command"};
constexpr Key kSecretKeys[] = {
    {"env", &kEnvName, "Environment variable of the build that holds it."},
    {"file", &kNonEmpty, "File that holds it: absolute, or relative to the recipe's directory."},
    {"command", &kNonEmpty, "Shell command whose standard output it is."},
};
constexpr Object kSecret{"secret", "Where a secret comes from.", kSecretKeys, kSecretSources};
constexpr Type kSecretType{.form = Form::Object, .expects = "a map such as {env: NPM_TOKEN}", .object = &kSecret};
constexpr Type kSecrets{
    .form = Form::Dictionary, .expects = "a map of names to sources", .item = &kSecretType, .key = &kSecretName};

constexpr Key kPolicyKeys[] = {
    {"max_size", &kImageSize, "The image may not be larger."},
    {"forbid_setuid", &kGlobs, "Patterns of paths that may be neither setuid nor setgid; [\"**\"] forbids all.",
     Need::Optional, "[]"},
    {"refresh", &kRefresh, "Age at which a lock counts as stale, for security updates and for all.", Need::Optional,
     "{}"},
};
constexpr Object kPolicy{"policy", "What an image of this recipe must keep to.", kPolicyKeys};
constexpr Type kPolicyType{.form = Form::Object, .expects = "a map such as {max_size: 8GiB}", .object = &kPolicy};

// Files.

constexpr std::array<std::string_view, 2> kBases{"from", "distribution"};
constexpr Key kRecipeKeys[] = {
    {"apiVersion", &kVersion, "Version of the language.", Need::Required},
    {"kind", &kRecipeKind, "Kind of file.", Need::Optional, "\"recipe\""},
    {"name", &kRecipeName, "Name of the recipe, and of its image unless another tag is asked for.", Need::Required},
    {"description", &kText, "What the image is for, in a sentence or two.", Need::Optional, "\"\""},
    {"from", &kReference,
     "A recipe, an image of the store or an OCI image (oci://PATH, or oci://HOST/NAME:TAG of a registry) to build on; "
     "scratch is nothing at all."},
    {"distribution", &kDistributionType, "A distribution to bootstrap from its packages."},
    {"params", &kParams, "Values that whoever builds the recipe may choose.", Need::Optional, "{}"},
    {"layers", &kLayers, "What is done, in order.", Need::Optional, "[]"},
    {"env", &kEnv, "Environment of every command in the image.", Need::Optional, "{}"},
    {"workdir", &kDirectoryPath, "Working directory of commands in a sandbox."},
    {"user", &kAccount, "User that runs commands in a sandbox."},
    {"launch", &kLaunchType, "Defaults for sandboxes.", Need::Optional, "{}"},
    {"tests", &kTests, "Checks of the finished image.", Need::Optional, "[]"},
    {"labels", &kLabels, "Words for whoever looks at the image.", Need::Optional, "{}"},
    {"secrets", &kSecrets, "Secrets that run layers may ask for.", Need::Optional, "{}"},
    {"policy", &kPolicyType, "What the image must keep to.", Need::Optional, "{}"},
};
constexpr Object kRecipe{"recipe", "A recipe: a base, then layers.", kRecipeKeys, kBases};

constexpr Key kFragmentKeys[] = {
    {"apiVersion", &kVersion, "Version of the language.", Need::Required},
    {"kind", &kFragmentKind, "Kind of file.", Need::Required},
    {"name", &kRecipeName, "Name of the fragment: its path in the catalog.", Need::Required},
    {"description", &kText, "What it adds, in a sentence or two.", Need::Optional, "\"\""},
    {"params", &kParams, "Values that whoever uses the fragment may choose.", Need::Optional, "{}"},
    {"layers", &kLayers, "What is done, in order.", Need::Optional, "[]"},
    {"env", &kEnv, "Environment that it adds to the image; the recipe's own wins.", Need::Optional, "{}"},
};
constexpr Object kFragment{"fragment", "Layers that recipes insert with 'use'.", kFragmentKeys};

}  // namespace

const Object& recipe_object() { return kRecipe; }
const Object& fragment_object() { return kFragment; }
std::span<const std::string_view> layer_kinds() { return kLayerKinds; }

}  // namespace blueprint::recipe
