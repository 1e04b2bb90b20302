using System.Globalization;
using Sleb.Core.Artifacts;
using Sleb.Core.Families;
using Sleb.Core.Plan;
using Sleb.Onnx.Emit;
using Sleb.Onnx.GenAI;
using Sleb.Onnx.Pieces;
using Sleb.Onnx.Runtime;

namespace Sleb.Onnx;

/// <summary>Writes a checkpoint, or what is left of it, as a folder for ONNX Runtime GenAI: a folder that exists is a folder that works.</summary>
internal static class OnnxExporter
{
    public const string GraphFile = "model.onnx", DataFile = "model.onnx.data";

    public static ExportResult Export(ExportRequest request, CancellationToken cancellationToken = default)
    {
        ExportFormat.Check(request.Target, request.Precision);
        if (request.Pieces is not null) ExportFormat.CheckCapped(request.Precision, request.Form);
        var config = request.Checkpoint.Config;
        var family = FamilyRegistry.Get(config.ModelType);
        var provenance = Describe(request, Survivors.After(config.NumHiddenLayers, request.RemovedBlocks));
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(request.OutFolder));
        if (!request.Overwrite && Finished(target) is { } existing && existing.SameModel(provenance))
            return new ExportResult(target, Size(target), existing, AlreadyThere: true);
        CheckApart(target, request.Checkpoint.Folder);
        if (request.Form.ShareWeights is { } shared) CheckApart(target, shared);

        using var staged = StagedFolder.Create(target, request.Overwrite);
        string? contextNote = null, dataHash = null;
        SayWhenFull(target, () => (contextNote, dataHash) = Write(staged.Path, request, family, provenance, cancellationToken));
        var (runNote, tokenizerNote) = Check(staged.Path, request, provenance, dataHash!, cancellationToken);
        tokenizerNote = tokenizerNote?.Replace(staged.Path, target, StringComparison.Ordinal);
        cancellationToken.ThrowIfCancellationRequested();
        staged.Commit();
        return new ExportResult(target, Size(target), provenance, AlreadyThere: false) { Notes = [.. new[] { contextNote, runNote, tokenizerNote }.OfType<string>()] };
    }

    /// <summary>What can be refused before a long search that ends in an export: the format, and a target that holds something else.</summary>
    /// <param name="capped">Whether the export will be one under a memory cap.</param>
    public static void CheckBeforeSearch(ExportRequest request, int removeBlocks, bool capped)
    {
        ExportFormat.Check(request.Target, request.Precision);
        if (capped) ExportFormat.CheckCapped(request.Precision, request.Form);
        if (request.Form.ShareWeights is { } shared) SharedWeights.Open(Path.GetFullPath(shared), Describe(request, Survivors.After(request.Checkpoint.Config.NumHiddenLayers, [])));
        // As many blocks of the same model, chosen by the same text: that may be the very folder this search will lead to.
        bool mayBeIt = Finished(request.OutFolder) is { } there && there.RemovedBlocks.Count == removeBlocks
            && (there.BaseFingerprint, there.CalibrationFingerprint) == (request.Checkpoint.Fingerprint, request.CalibrationFingerprint);
        if (!mayBeIt) StagedFolder.CheckTarget(request.OutFolder, request.Overwrite);
    }

    private static (string? RunNote, string? TokenizerNote) Check(string folder, ExportRequest request, Provenance provenance, string dataHash, CancellationToken cancellationToken)
    {
        if (request.Pieces is { } pieces)
        {
            DataCheck.Verify(Path.Combine(folder, DataFile), dataHash);
            PieceCheck.Verify(folder, provenance.Survivors, request.Checkpoint.Config.VocabSize, pieces, cancellationToken);
            return (null, null);
        }
        using var model = GenAIModel.LoadIfItRuns(folder);
        if (model is null) return (ExportResult.NotRunHere(request.Precision), null);
        // Integers are another model, whose logits no reference here knows.
        var reference = provenance.Quantization is null ? request.ReferenceLogits : null;
        LogitCheck.Verify(model, reference, ExportFormat.FloatType(request.Precision), provenance.Survivors.Count, cancellationToken);
        return (model.FellBackToCpu ? ExportResult.RunOnCpuAlone : null, TokenizerCheck.Compare(model));
    }

    /// <summary>Turns the system's error of a full disk into a sentence.</summary>
    public static void SayWhenFull(string target, Action write)
    {
        try
        {
            write();
        }
        catch (IOException e) when ((e.HResult & 0xFFFF) is 28 or 112) // ENOSPC; ERROR_DISK_FULL
        {
            throw new IOException($"The disk ran full while {target} was written. Nothing was put in place; free some space and call again.", e);
        }
    }

    /// <returns>What is to be said of the context, and the hash of the data that was written.</returns>
    private static (string? ContextNote, string DataHash) Write(string folder, ExportRequest request, Family family, Provenance provenance, CancellationToken cancellationToken)
    {
        using var data = new ExternalData(Path.Combine(folder, DataFile), ExportFormat.FloatType(request.Precision));
        var shared = request.Form.ShareWeights is { } dense ? SharedWeights.Open(Path.GetFullPath(dense), provenance) : null;
        var decoder = new DecoderGraph(request.Checkpoint, family, provenance.Survivors, data, request.MatrixBytes, cancellationToken, request.Form, request.Form.Quantization(request.Precision), shared);
        DecoderEmitter.Emit(decoder);
        if (request.Form.BuilderForm) decoder.Graph.TakeBuilderForm();
        else if (request.Form.FusedNorms) decoder.Graph.FuseNorms();
        decoder.Graph.SetAccuracyLevel(request.Form.AccuracyLevel);
        if (shared is not null) provenance = provenance with { SharedDataSha256 = shared.Link(Path.Combine(folder, DataFile)) };
        decoder.Graph.Save(Path.Combine(folder, GraphFile), Metadata(provenance, decoder.ContextNote));
        GenAIConfig.Write(folder, new GenAIModelDescription(request.Checkpoint.Config, provenance.Survivors.Count,
            decoder.ContextLength, request.Target, GraphFile, decoder.ReadsPositions));
        TokenizerFiles.Copy(request.Checkpoint.Folder, folder);
        provenance.Write(folder, request.Card);
        return (decoder.ContextNote, provenance.SharedDataSha256 ?? data.Sha256);
    }

    private static Provenance Describe(ExportRequest request, IReadOnlyList<int> survivors) => new()
    {
        Artifact = "onnx",
        Target = request.Target,
        Precision = request.Precision,
        Quantization = request.Form.Describe(request.Precision),
        FusedNorms = request.Form.FusedNorms || request.Form.BuilderForm,
        PackedGateUp = request.Form.PackedGateUp,
        BaseFingerprint = request.Checkpoint.Fingerprint,
        Family = request.Checkpoint.Config.ModelType,
        Blocks = request.Checkpoint.Config.NumHiddenLayers,
        RemovedBlocks = [.. request.RemovedBlocks],
        Survivors = survivors,
        CalibrationFingerprint = request.CalibrationFingerprint,
        DensePerplexity = request.DensePerplexity,
        PrunedPerplexity = request.PrunedPerplexity,
    };

    /// <summary>The sidecar's words, for the graph file itself.</summary>
    public static IEnumerable<KeyValuePair<string, string>> Metadata(Provenance provenance, string? note)
    {
        yield return new("sleb.format", provenance.Format);
        yield return new("sleb.family", provenance.Family);
        yield return new("sleb.base_fingerprint", provenance.BaseFingerprint);
        yield return new("sleb.blocks", provenance.Blocks.ToString(CultureInfo.InvariantCulture));
        yield return new("sleb.removed_blocks", string.Join(",", provenance.RemovedBlocks));
        yield return new("sleb.survivors", string.Join(",", provenance.Survivors));
        yield return new("sleb.target", provenance.Target!);
        yield return new("sleb.precision", provenance.Precision);
        if (provenance.Quantization is { } quantization) yield return new("sleb.quantization", quantization);
        if (note is not null) yield return new("sleb.context_note", note);
        if (provenance.CalibrationFingerprint is { } calibration) yield return new("sleb.calibration_fingerprint", calibration);
        if (provenance.DensePerplexity is { } dense) yield return new("sleb.dense_perplexity", dense.ToString("R", CultureInfo.InvariantCulture));
        if (provenance.PrunedPerplexity is { } pruned) yield return new("sleb.pruned_perplexity", pruned.ToString("R", CultureInfo.InvariantCulture));
    }

    /// <summary>The sidecar of a folder that has all its parts.</summary>
    private static Provenance? Finished(string folder) =>
        Array.TrueForAll([GraphFile, DataFile, GenAIConfig.FileName], name => File.Exists(Path.Combine(folder, name))) ? Provenance.Read(folder) : null;

    private static void CheckApart(string target, string source)
    {
        string inside = Path.TrimEndingDirectorySeparator(Path.GetFullPath(source)) + Path.DirectorySeparatorChar;
        if (inside.StartsWith(target + Path.DirectorySeparatorChar, StringComparison.Ordinal))
            throw new ArgumentException($"{target} holds {source}, which is to be read; give another folder to write to.");
    }

    private static long Size(string folder) => new DirectoryInfo(folder).EnumerateFiles("*", SearchOption.AllDirectories).Sum(file => file.Length);
}
