// libyaml: the event parser behind YAMLTree.
#include <yaml.h>
