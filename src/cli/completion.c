/* Completion for bash, from the same tables as the help: `onhand completion bash >
 * /etc/bash_completion.d/onhand`. */
#include "cli/cli.h"

static void put_flags(struct buffer *out, enum command_name c)
{
    const struct setting_row *settings = setting_rows();

    buffer_printf(out, "    %s) flags='", command_rows[c].name);
    for (size_t i = 0; i < SETTINGS; i++)
        if (settings[i].commands >> c & 1)
            buffer_printf(out, " --%s", settings[i].flag);
    buffer_string(out, "' ;;\n");
}

/* What may follow a flag: words, files, or nothing that we know. */
static void put_values(struct buffer *out, const struct setting_row *row)
{
    if (row->type == SETTING_FLAG)
        return;
    buffer_printf(out, "    --%s) ", row->flag);
    if (row->type == SETTING_PATH) {
        buffer_string(out, "COMPREPLY=($(compgen -f -- \"$word\")) ;;\n");
    } else if (row->type == SETTING_CHOICE) {
        buffer_string(out, "COMPREPLY=($(compgen -W '");
        for (const char *c = row->argument; *c; c++)
            buffer_byte(out, *c == '|' ? ' ' : *c);
        buffer_string(out, "' -- \"$word\")) ;;\n");
    } else {
        buffer_string(out, "COMPREPLY=() ;;\n");
    }
}

void completion_bash(struct buffer *out)
{
    const struct setting_row *settings = setting_rows();

    buffer_string(out, "# bash completion of onhand, written by `onhand completion bash`\n_onhand() {\n"
                       "  local word=${COMP_WORDS[COMP_CWORD]} before=${COMP_WORDS[COMP_CWORD-1]} flags=''\n"
                       "  COMPREPLY=()\n  if [ \"$COMP_CWORD\" -eq 1 ]; then\n    COMPREPLY=($(compgen -W '");
    for (size_t i = 0; i < COMMANDS; i++)
        buffer_printf(out, "%s%s", i ? " " : "", command_rows[i].name);
    buffer_string(out, "' -- \"$word\"))\n    return\n  fi\n  case $before in\n");
    for (size_t i = 0; i < SETTINGS; i++)
        put_values(out, &settings[i]);
    buffer_string(out, "    *) case ${COMP_WORDS[1]} in\n");
    for (size_t i = 0; i < COMMANDS; i++)
        put_flags(out, (enum command_name)i);
    buffer_string(
        out, "    esac\n    case $word in\n"
             "    -*) COMPREPLY=($(compgen -W \"$flags\" -- \"$word\")) ;;\n"
             "    *) case ${COMP_WORDS[1]} in\n"
             "      key) COMPREPLY=($(compgen -W 'create list revoke' -- \"$word\")) ;;\n"
             "      completion) COMPREPLY=($(compgen -W 'bash' -- \"$word\")) ;;\n"
             "      *) COMPREPLY=($(compgen -f -- \"$word\")) ;;\n      esac ;;\n    esac ;;\n  esac\n}\n"
             "complete -F _onhand onhand\n");
}

int cli_completion(const struct settings *s)
{
    struct buffer out = {0};

    if (strcmp(s->arguments[0], "bash") != 0)
        return cli_fail(EXIT_USAGE, "%s: there is only a completion for bash", s->arguments[0]);
    completion_bash(&out);
    int code = cli_write(&out);
    buffer_finish(&out);
    return code;
}
