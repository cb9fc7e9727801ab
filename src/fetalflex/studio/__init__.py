"""The editor in the browser: a server for one user, and the page in `static/`.

    page  --JSON-->  api  -->  layouts     anomalies, growth, warnings: edits of a layout, at once
                          -->  worker  --> engine     syntheses: one thread, with progress, previews and cancel
                          -->  desk        images, results and the work itself, on disk

`engine` alone calls the pipeline and the detector. What comes from the page is checked by `messages`. Needs the extra
`studio`; nothing but the command line imports it.
"""
