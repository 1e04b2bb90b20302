using Google.Protobuf;
using Microsoft.ML.OnnxRuntimeGenAI;
using Sleb.Core.Artifacts;
using Sleb.Core.Checkpoints;
using Sleb.Core.Plan;
using Sleb.Onnx.GenAI;
using Sleb.Onnx.Protos;
using Sleb.Onnx.Runtime;
using DataType = Sleb.Onnx.Protos.TensorProto.Types.DataType;

namespace Sleb.Onnx.Surgery;

/// <summary>Writes an ONNX Runtime GenAI folder without some of its blocks, from the folder alone; the weights that stay are not touched.</summary>
internal static class BlockSurgery
{
    /// <exception cref="ArgumentException">The blocks do not fit the model.</exception>
    /// <exception cref="CheckpointException">The folder is damaged, or its graph is of an unknown form.</exception>
    /// <exception cref="IOException">The target is not empty and not this model, or cannot be written.</exception>
    public static ExportResult Remove(SurgeryRequest request, CancellationToken cancellationToken = default)
    {
        var package = DecoderPackage.Open(request.Folder);
        var map = new BlockMap(package);
        string target = Path.TrimEndingDirectorySeparator(Path.GetFullPath(request.OutFolder));
        ModelFolder.RefuseToReplace(package.Folder, target);
        var provenance = Describe(request, package, Survivors.After(map.Count, request.RemovedBlocks), map.Count);
        if (!request.Overwrite && Finished(target) is { } existing && existing.SameModel(provenance))
            return new ExportResult(target, ModelFolder.Bytes(target), existing, AlreadyThere: true);

        using var staged = StagedFolder.Create(target, request.Overwrite);
        OnnxExporter.SayWhenFull(target, () => Write(package, map, provenance, request.Card, staged.Path, cancellationToken));
        var (runNote, tokenizerNote) = Verify(staged.Path, package.ElementType, provenance, cancellationToken);
        tokenizerNote = tokenizerNote?.Replace(staged.Path, target, StringComparison.Ordinal);
        string? draftNote = PrunedGenAIConfig.HasDraft(package) ? $"The draft model of {package.Folder} was left out: it was made to run ahead of all {map.Count} blocks." : null;
        cancellationToken.ThrowIfCancellationRequested();
        staged.Commit();
        return new ExportResult(target, ModelFolder.Bytes(target), provenance, AlreadyThere: false) { Notes = [.. new[] { draftNote, runNote, tokenizerNote }.OfType<string>()] };
    }

    /// <summary>What can be refused before a long search that ends in surgery: a target that holds something else.</summary>
    public static void CheckBeforeSearch(SurgeryRequest request, int removeBlocks)
    {
        ModelFolder.RefuseToReplace(request.Folder, request.OutFolder);
        // As many blocks of the same folder, chosen by the same text: that may be the very folder this search will lead to.
        bool mayBeIt = Finished(request.OutFolder) is { } there && there.RemovedBlocks.Count == removeBlocks
            && (there.BaseFingerprint, there.CalibrationFingerprint) == (FolderFingerprint.Compute(request.Folder), request.CalibrationFingerprint);
        if (!mayBeIt) StagedFolder.CheckTarget(request.OutFolder, request.Overwrite);
    }

    private static void Write(DecoderPackage package, BlockMap map, Provenance provenance, Func<Provenance, string>? card, string folder, CancellationToken cancellationToken)
    {
        BlockRemoval.Apply(package, map, provenance.Survivors);
        ExternalWeights.Compact(package.Model.Graph, package.Folder, folder, cancellationToken);
        var own = package.Model.MetadataProps.Where(entry => entry.Key.StartsWith("sleb.", StringComparison.Ordinal)).ToList();
        foreach (var entry in own) package.Model.MetadataProps.Remove(entry);
        foreach (var (key, value) in OnnxExporter.Metadata(provenance, note: null)) package.Model.MetadataProps.Add(new StringStringEntryProto { Key = key, Value = value });
        using (var stream = new FileStream(Path.Combine(folder, package.GraphFile), FileMode.CreateNew)) package.Model.WriteTo(stream);
        PrunedGenAIConfig.Write(package, map.Count, provenance.Survivors, folder);
        ModelFolder.CopyCompanions(package.Folder, folder);
        provenance.Write(folder, card);
    }

    /// <summary>Loads the folder as a user would; returns what the user should know of where it ran and of its tokenizer.</summary>
    private static (string? RunNote, string? TokenizerNote) Verify(string folder, DataType type, Provenance provenance, CancellationToken cancellationToken)
    {
        try
        {
            using var model = GenAIModel.LoadIfItRuns(folder);
            if (model is null) return (ExportResult.NotRunHere(provenance.Precision), null);
            LogitCheck.Verify(model, reference: null, type, provenance.Survivors.Count, cancellationToken);
            return (model.FellBackToCpu ? ExportResult.RunOnCpuAlone : null, TokenizerCheck.Compare(model));
        }
        catch (OnnxRuntimeGenAIException e)
        {
            throw new CheckpointException($"The pruned model does not run: {e.Message.TrimEnd('.')}. Nothing was put in place; check that the folder it was made from runs.", e);
        }
    }

    private static Provenance Describe(SurgeryRequest request, DecoderPackage package, IReadOnlyList<int> survivors, int blocks)
    {
        var source = Provenance.Read(package.Folder);
        return new Provenance
        {
            Artifact = "onnx",
            Target = source?.Target ?? (GenAIConfig.Read(package.Folder).IsForCuda ? "cuda" : "cpu"),
            Precision = source?.Precision ?? Precision(package),
            Quantization = source?.Quantization,
            FusedNorms = package.Model.Graph.Node.Any(node => node.OpType is SkipNorm.Simplified or SkipNorm.Full),
            PackedGateUp = source?.PackedGateUp ?? false,
            BaseFingerprint = FolderFingerprint.Compute(package.Folder),
            Family = package.Family,
            Blocks = blocks,
            RemovedBlocks = [.. request.RemovedBlocks],
            Survivors = survivors,
            CalibrationFingerprint = request.CalibrationFingerprint,
            DensePerplexity = request.DensePerplexity,
            PrunedPerplexity = request.PrunedPerplexity,
        };
    }

    /// <summary>As the weights are stored, where the products are quantized; else as the caches are.</summary>
    private static string Precision(DecoderPackage package)
    {
        var bits = package.Model.Graph.Node.Where(node => node.OpType == "MatMulNBits")
            .Select(node => node.Attribute.FirstOrDefault(attribute => attribute.Name == "bits")?.I ?? 4).ToList();
        if (bits.Count > 0) return bits.Min() == 8 ? "int8" : "int4";
        return package.ElementType switch
        {
            DataType.Float16 => "fp16",
            DataType.Bfloat16 => "bf16",
            _ => "fp32",
        };
    }

    /// <summary>The sidecar of a folder that has all its parts.</summary>
    private static Provenance? Finished(string folder)
    {
        if (!Directory.Exists(folder)) return null;
        try
        {
            _ = DecoderPackage.Open(folder);
            return Provenance.Read(folder);
        }
        catch (CheckpointException)
        {
            return null;
        }
    }
}
