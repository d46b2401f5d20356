"""A job that a run has begun: its documents are written, and its result is recorded."""

import hashlib
from dataclasses import dataclass, replace

from nemocli.batch.many import FileResult
from nemocli.errors import NemocliError, OutputError
from nemocli.jobs.plan import (
    FileStamp,
    Job,
    RunOptions,
    find_changed_outputs,
    hash_content,
    read_stamp,
)
from nemocli.jobs.report import JobResult, explain_strict
from nemocli.jobs.run_log import Record
from nemocli.jobs.transcript_files import render


@dataclass(frozen=True)
class BegunJob:
    """A claimed job whose formats are recorded; `finish` takes its transcript."""

    job: Job
    #: The input's size and time when the job was begun; None if it is not a plain file.
    content: FileStamp | None
    formats: tuple[str, ...]
    #: Formats of earlier runs that these settings cannot write; their documents are removed.
    unfit: tuple[str, ...] = ()

    def finish(self, file_result: FileResult, options: RunOptions) -> JobResult:
        """Write the documents of the file, record its result, and return it.

        Raises OutputError if nothing can be written any more.
        """
        job, content, settings = self.job, self.content, options.settings
        folder, transcript = job.output_folder, file_result.transcript
        record = Record(
            job.key,
            "failed",
            job.name,
            (),
            settings.id,
            size=content.size if content else None,
            mtime_ns=content.mtime_ns if content else None,
            seconds=round(transcript.duration, 3) if transcript else None,
        )
        try:
            if transcript is None:
                assert file_result.error is not None
                raise file_result.error.rename(job.source.name)
            if file_result.warnings and options.strict:
                raise NemocliError(f"{job.source.name}: {explain_strict(file_result.warnings)}")
            sha256 = self._hash_unchanged()
            earlier = (*self.formats, *self.unfit)
            kept = [] if options.force else find_changed_outputs(job, earlier)
            formats = [form for form in self.formats if form not in kept]
            outputs = job.list_outputs(formats)
            documents = render(
                job.source.name,
                transcript,
                settings,
                formats,
                file_result.decoded,
                file_result.warnings,
            )
            hashes: dict[str, str | None] = dict.fromkeys(job.list_outputs(kept).values())
            hashes |= {
                outputs[form]: hashlib.sha256(document).hexdigest()
                for form, document in documents.items()
            }
            folder.run_log.append_documents(job.key, hashes)
            folder.write(job.key, outputs, documents)
            removed = job.list_outputs(form for form in self.unfit if form not in kept)
            folder.remove(job.key, removed.values())
        except OutputError:
            raise
        except NemocliError as error:
            record = replace(record, error=str(error))
            folder.run_log.append(record, settings)
            return JobResult(job.source.path, "failed", seconds=record.seconds, error=str(error))
        record = replace(
            record,
            state="done",
            sha256=sha256,
            formats=self.formats,
            warnings=len(file_result.warnings) or None,
        )
        folder.run_log.append(record, settings)
        return JobResult(
            job.source.path,
            "done",
            folder.list_paths(outputs.values()),
            record.seconds,
            note=file_result.note,
            kept=job.list_paths(kept),
            removed=folder.list_paths(removed.values()),
            warnings=file_result.warnings,
        )

    def _hash_unchanged(self) -> str | None:
        """Return the hash of the input; NemocliError if it changed since the job was begun.

        None if it is not a plain file.
        """
        if self.content is None:
            return None
        source = self.job.source
        sha256 = hash_content(source.path)
        if sha256 is None:
            raise NemocliError(f"{source.name} vanished while it was transcribed: check the disk.")
        if read_stamp(source.path) != self.content:
            raise NemocliError(
                f"{source.name} changed while it was transcribed: run the command again."
            )
        return sha256
