// libxml2: parsing, serialising and Relax NG validation of XML.
#include <libxml/xmlversion.h>
// Foundation has an ICU of its own, whose types the headers of the system's contradict. Only the innards of encoding
// handlers need them, which nobody here looks into.
#undef LIBXML_ICU_ENABLED
#include <libxml/parser.h>
#include <libxml/tree.h>
#include <libxml/xmlsave.h>
#include <libxml/relaxng.h>
#include <libxml/xmlschemastypes.h>
#include <libxml/xmlerror.h>
