"""Tools that make a root file system of a whole image: one small module each, and a row in `table.ENGINES`.

To add one, write a class as `base.Engine` describes it (`umoci` is the shortest example, `containerd` one
with a daemon), say in its `Traits` what it means to do, and add the row; `dirmeta compare --subject NAME`
then shows whether it does. A module starts programs by `process` alone: what it does happens in a private
world (`inside`) that nothing outlives, with stores and sockets in a directory that exists there alone.
Nothing here knows what is right.
"""
